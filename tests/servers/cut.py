"""Connections to PostgreSQL that end when they should not."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


def end_others(url: str) -> None:
    """End the server's processes of all connections to a database but one of our own, as an administrator may."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class Cut:
    """Stands between client and server: loses the answer to COMMIT, or the COMMIT itself."""

    def __init__(self, server_port: int, *, passes_on: bool) -> None:
        self._server_port = server_port
        self._passes_on = passes_on
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.has_cut = False
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

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
            for one, other, is_client in ((client, server, True), (server, client, False)):
                self._threads.append(threading.Thread(target=self._carry, args=(one, other, is_client)))
                self._threads[-1].start()

    def _carry(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        try:
            while data := source.recv(65536):
                if is_client and not self.has_cut and b"COMMIT\0" in data:
                    self.has_cut = True
                    if self._passes_on:
                        target.sendall(data)
                        time.sleep(0.2)  # the server has it before it notices that nobody listens any more
                    source.shutdown(socket.SHUT_RDWR)
                    break
                target.sendall(data)
        except OSError:  # the other side is gone
            return
        finally:
            for one in (source, target):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            source.close()
