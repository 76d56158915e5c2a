"""One process writes: a lock file beside the catalog says which.

SQLite 3.7.0 to 3.51.2 can corrupt its write-ahead log in a rare race, so the catalog uses a rollback journal, and keeps
writers apart by itself, for whole runs rather than for single commits. The lock is a POSIX record lock: it ends with
the process, however that dies, and processes forked from it do not inherit it. Such a lock is the process's, not the
thread's, so this file is opened in one place only and the threads share it by counting.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from lookalike.core.errors import Locked, ReadOnly, StorageFailed

_POLL_S = 0.02
_IS_HELD = (errno.EACCES, errno.EAGAIN)
_IS_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class WriterLock:
    """The right of this process to write to a catalog; get it from `writer_lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = Lock()
        self._holders = 0
        self._descriptor = -1
        self._process = os.getpid()

    @contextmanager
    def held(self, *, wait_s: float) -> Iterator[None]:
        """Hold the lock during a block; re-entrant, also from several threads.

        Raises:
            Locked: when another process holds it and does not let go within `wait_s` seconds.
            ReadOnly: when the lock file cannot be written.
            StorageFailed: when the file system does not lock.
        """
        with self._mutex:
            if self._process != os.getpid():  # after a fork, the lock is still the parent's alone
                self._process, self._holders = os.getpid(), 0
            if self._holders == 0:
                self._descriptor = self._acquired(wait_s)
            self._holders += 1
        try:
            yield
        finally:
            with self._mutex:
                self._holders -= 1
                if self._holders == 0:
                    os.close(self._descriptor)

    def holder(self) -> str | None:
        """Who is writing at this moment, in words; None where nobody is."""
        with self._mutex:
            if self._holders and self._process == os.getpid():
                return f"process {os.getpid()}, this one"
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:  # not there, or not to be written: by nobody then
                return None
            try:
                self._wait(descriptor, deadline=0.0)
            except Locked:
                return _holder(descriptor)
            finally:
                os.close(descriptor)  # which lets go of the lock
        return None

    def _acquired(self, wait_s: float) -> int:
        descriptor = self._opened()
        try:
            self._wait(descriptor, deadline=time.monotonic() + wait_s)
            self._sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            kind = ReadOnly if error.errno in _IS_READ_ONLY else StorageFailed
            raise kind(f"{self.path}: the lock file cannot be written ({error.strerror})") from error

    def _wait(self, descriptor: int, *, deadline: float) -> None:
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _IS_HELD:
                    raise StorageFailed(f"{self.path}: the file system does not lock ({error.strerror})") from error
            else:
                return
            if time.monotonic() >= deadline:
                raise Locked(f"{self.path.parent}: another process is writing ({_holder(descriptor)}); try again later")
            time.sleep(_POLL_S)

    def _sign(self, descriptor: int) -> None:
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        signature = f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode()
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, signature, 0)
        except OSError as error:
            raise StorageFailed(f"{self.path}: the lock file cannot be written ({error.strerror})") from error


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "it has not said which"


_known: WeakValueDictionary[str, WriterLock] = WeakValueDictionary()
_known_mutex = Lock()


def writer_lock(catalog: Path) -> WriterLock:
    """The lock of the catalog at that path: the same object for all who ask in this process."""
    resolved = str(catalog.resolve())
    with _known_mutex:
        lock = _known.get(resolved)
        if lock is None:
            lock = _known[resolved] = WriterLock(Path(resolved + ".lock"))
        return lock
