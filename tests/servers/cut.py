"""Connections to PostgreSQL that end when they should not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum, auto


def end_others(url: str) -> None:
    """End the server's processes of all connections to a database but one of our own, as an administrator may."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class Loss(Enum):
    """What is lost of a commit. The connection ends with it."""

    ANSWER = auto()
    ALL = auto()
    """The server never hears of it."""


class Cut:
    """Stands between clients and a server, and loses commits.

    Args:
        server_port: of the server.
        passes_on: of the first commit the answer is lost, which the server has done; else all of it.
        losses: what is lost of each commit, in the order in which they come; in the place of `passes_on`.

    Attributes:
        port: of it.
        cuts: what was lost.
    """

    def __init__(
        self, server_port: int, *, passes_on: bool = False, losses: Iterable[Loss | None] | None = None
    ) -> None:
        self._server_port = server_port
        self._losses = iter(losses if losses is not None else [Loss.ANSWER if passes_on else Loss.ALL])
        self._mutex = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts: list[Loss] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def has_cut(self) -> bool:
        """Whether anything was lost yet."""
        return bool(self.cuts)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:  # it is down
                client.close()
                continue
            is_unheard = threading.Event()
            for carry, one, other in ((self._ask, client, server), (self._answer, server, client)):
                self._threads.append(threading.Thread(target=self._carry, args=(carry, one, other, is_unheard)))
                self._threads[-1].start()

    def _carry(
        self,
        carry: Callable[[socket.socket, socket.socket, threading.Event], None],
        source: socket.socket,
        target: socket.socket,
        is_unheard: threading.Event,
    ) -> None:
        try:
            carry(source, target, is_unheard)
        except OSError:  # the other side is gone
            return
        finally:
            for one in (source, target):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            source.close()

    def _ask(self, client: socket.socket, server: socket.socket, is_unheard: threading.Event) -> None:
        while data := client.recv(65536):
            loss = self._next_loss() if b"COMMIT\0" in data else None
            if loss is Loss.ALL:
                return
            if loss is Loss.ANSWER:
                is_unheard.set()
            server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket, is_unheard: threading.Event) -> None:
        while data := server.recv(65536):
            if is_unheard.is_set():  # it has done what it answers
                return
            client.sendall(data)

    def _next_loss(self) -> Loss | None:
        with self._mutex:
            loss = next(self._losses, None)
            if loss is not None:
                self.cuts.append(loss)
            return loss
