"""The parts of a chain, started together: PostgreSQL with pgvector, S3, RabbitMQ; and the settings that name them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from chain.buckets import make_bucket
from chain.ceph import CephServer
from chain.postgres import PostgresServer
from chain.rabbitmq import RabbitServer
from chain.s3_server import S3Server
from chain.server import Server


class Parts:
    """The servers of one chain, and what the service needs in them. A context manager that starts and stops them.

    Args:
        postgres: for collections, uploads and jobs, and with pgvector for vectors.
        s3: for bytes of pictures.
        rabbitmq: wakes workers.
        bucket: name of one that is made there.
        vhost: of the broker, likewise; '' for its own.
        pages: origins from which browsers may put pictures into the bucket.
    """

    def __init__(
        self,
        postgres: PostgresServer,
        s3: S3Server,
        rabbitmq: RabbitServer,
        *,
        bucket: str = "pictures",
        vhost: str = "",
        pages: tuple[str, ...] = ("*",),
    ) -> None:
        self.postgres, self.s3, self.rabbitmq = postgres, s3, rabbitmq
        self._bucket, self._vhost, self._pages = bucket, vhost, pages
        self._databases: tuple[str, str] | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """New ones on ports of their own of this machine, each in a folder of its own.

        Args:
            folder: in which these lie; others must be able to come through it where this process is root.
        """
        return cls(PostgresServer(folder / "postgres"), CephServer(folder / "s3"), RabbitServer(folder / "rabbitmq"))

    def start(self) -> None:
        """Start them beside one another, and make what the service needs in them.

        Raises:
            ServerFailed: when one does not start; the others are stopped then.
        """
        try:
            with ThreadPoolExecutor(3) as starting:
                list(starting.map(lambda server: server.start(), self.servers))
            self.furnish()
        except BaseException:
            self.stop()
            raise

    def furnish(self) -> None:
        """Make what the service needs in servers that run: two databases, a bucket, a vhost."""
        self._databases = self._databases or (self.postgres.make_database(), self.postgres.make_database())
        make_bucket(self.s3, self._bucket, pages=self._pages)
        if self._vhost:
            self.rabbitmq.control("add_vhost", self._vhost)
            self.rabbitmq.control("set_permissions", "-p", self._vhost, "guest", ".*", ".*", ".*")

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return (self.postgres, self.s3, self.rabbitmq)

    def stop(self) -> None:
        """Stop them all. Idempotent."""
        with ExitStack() as stopping:  # whatever becomes of one, the others are stopped
            for server in self.servers:
                stopping.callback(server.stop)

    def settings(self, *, home: Path, flow: str = "direct") -> dict[str, str]:
        """Variables by which `lookalike serve` and `lookalike worker` find these parts.

        Args:
            home: folder of the service's own.
            flow: `direct` or `classic`.
        """
        if self._databases is None:
            raise RuntimeError("expected the parts to be started before their settings are asked for: call `start`")
        database, vectors = self._databases
        return {
            "LOOKALIKE_SERVE_HOME": str(home),
            "LOOKALIKE_SERVE_DATABASE": database,
            "LOOKALIKE_SERVE_VECTORS": vectors,
            "LOOKALIKE_SERVE_OBJECTS": f"s3://{self._bucket}",
            "LOOKALIKE_SERVE_OBJECTS_ENDPOINT": self.s3.url,
            "LOOKALIKE_SERVE_BROKER": f"{self.rabbitmq.url}{self._vhost}",
            "LOOKALIKE_SERVE_FLOW": flow,
            "AWS_ACCESS_KEY_ID": self.s3.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.keys.secret_key,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
