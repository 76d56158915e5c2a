"""A line to a server that a test can hold up or cut: a relay of bytes on a port of its own."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HOST = "127.0.0.1"


class Proxy:
    """Relays connections to a server.

    Args:
        port: of the server.

    Attributes:
        keeps_answers: while set, what the server says goes nowhere.
        keeps_all: while set, nothing goes anywhere, as when a cable is pulled.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listening = socket.create_server((_HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        self.keeps_answers = threading.Event()
        self.keeps_all = threading.Event()
        self._mutex = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Every connection that there is breaks off."""
        with self._mutex:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """And no other is made."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection((_HOST, self._server_port))
            except OSError:
                return
            with server:
                with self._mutex:
                    self._open |= {client, server}
                try:
                    self._pass_on(client, server)
                except OSError:
                    pass
                finally:
                    with self._mutex:
                        self._open -= {client, server}

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([client, server], [], [], 0.2)
            if self.keeps_all.is_set():
                self._wait_for_its_end(client)
                continue
            for source in ready:
                data = source.recv(65_536)
                if not data:
                    return
                if source is server and self.keeps_answers.is_set():
                    continue
                (server if source is client else client).sendall(data)

    def _wait_for_its_end(self, client: socket.socket) -> None:
        """Nothing is read, but who hangs up is noticed, as by a machine that is there no more."""
        while self.keeps_all.is_set():
            poll = select.poll()
            poll.register(client, select.POLLRDHUP if hasattr(select, "POLLRDHUP") else select.POLLHUP)
            if poll.poll(50):
                raise ConnectionResetError


@contextmanager
def line_to(port: int) -> Iterator[Proxy]:
    """A line to that port of this machine, until the block ends."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
