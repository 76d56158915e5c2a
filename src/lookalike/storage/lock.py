"""A lock on a file that is held for a while by one thread of one process, and waited for in turn.

The kernel neither says who holds a lock nor lets whoever waits have its turn: a process that takes it one time after
another would keep all others out. So who wants it first passes a door, where one waits for the room.

Both are POSIX record locks, on the first two bytes: they end with the process, however that dies, and processes forked
from it do not inherit them. Such a lock is the process's, not the thread's, so the file is opened in one place only,
and the threads of the process take turns before it, through a door and into a room of their own. What belongs to an
open file, and is not waited for, is a claim (`lookalike.storage.claim`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from lookalike.core.ending import check_wanted, ending, take_lock
from lookalike.core.errors import Locked
from lookalike.storage.claim import is_at
from lookalike.storage.private import FILE

_POLL_S = 0.005
_ROOM, _DOOR = 0, 1  # the bytes that are locked
_NOBODY = 0  # no thread's number
_SIGNATURE_BYTES = 160  # so that it is written in place: a full disk has room for it
_IS_TAKEN = (errno.EACCES, errno.EAGAIN)


class FileLock:
    """The right of this process to what the lock is for; get it from `file_lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._door, self._room = Lock(), Lock()  # the same for the threads of this process
        self._thread = _NOBODY
        self._depth = 0
        self._descriptor = -1
        self._other = ""  # the process for which the thread whose turn it is waits, in words

    @contextmanager
    def holding(self, *, wait_s: float | None) -> Iterator[None]:
        """Hold the lock during a block, whose work is for everybody and does not end early; re-entrant in one thread.

        Args:
            wait_s: how long to wait for it, in seconds; None for as long as the work may last.
        Raises:
            Locked: when another process or thread holds it and does not let go within that, however many wait for it.
            DeadlineExceeded: when it does not before this thread's work is to end.
            OSError: when the file cannot be made or opened, or the file system does not lock.
        """
        if self._process != os.getpid():  # after a fork, the lock is still the parent's alone
            self._begin()
        if self._thread != threading.get_ident():
            self._enter(deadline=None if wait_s is None else time.monotonic() + wait_s)
        self._depth += 1
        try:
            with ending(None):
                yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._leave()

    def _enter(self, *, deadline: float | None) -> None:
        with ExitStack() as stack:
            self._take(self._door, deadline=deadline)
            try:
                self._take(self._room, deadline=deadline)
            finally:
                self._door.release()
            stack.callback(self._room.release)
            self._descriptor = self._acquire(deadline)
            self._thread = threading.get_ident()
            stack.pop_all()

    def _take(self, lock: Lock, *, deadline: float | None) -> None:
        if not take_lock(lock, within_s=None if deadline is None else max(0.0, deadline - time.monotonic())):
            if other := self._other:
                raise self._locked_error(other)
            raise Locked(
                f"{self.path.parent}: only one may write at a time, and another thread of this process is "
                "writing; try again later"
            )

    def _leave(self) -> None:
        self._thread = _NOBODY
        os.close(self._descriptor)  # which lets go of the lock
        self._room.release()

    def holder(self) -> str | None:
        """Who is writing at this moment, in words; None where nobody is."""
        if self._process != os.getpid():
            self._begin()
        if not self._room.acquire(blocking=False):
            return f"process {os.getpid()}, this one"
        try:
            return self._other_holder()
        finally:
            self._room.release()

    def _other_holder(self) -> str | None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # not there, or not to be written: by nobody then
            return None
        try:
            self._wait(descriptor, _ROOM, deadline=0.0)
        except Locked:
            return _holder(descriptor)
        finally:
            self._other = ""
            os.close(descriptor)
        return None

    def _acquire(self, deadline: float | None) -> int:
        try:
            return self._open_and_lock(deadline)
        finally:
            self._other = ""

    def _open_and_lock(self, deadline: float | None) -> int:
        while True:
            descriptor = self._open()
            try:
                self._wait(descriptor, _DOOR, deadline=deadline)
                self._wait(descriptor, _ROOM, deadline=deadline)
                fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _DOOR)
                if is_at(self.path, descriptor):  # else removed while we waited: others may hold the lock of the next
                    _sign(descriptor)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE)

    def _wait(self, descriptor: int, byte: int, *, deadline: float | None) -> None:
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except OSError as error:
                if error.errno not in _IS_TAKEN:
                    raise OSError(errno.ENOLCK, f"the file system does not lock: {error.strerror}") from error
            else:
                return
            check_wanted()
            self._other = _holder(descriptor)
            if deadline is not None and time.monotonic() >= deadline:
                raise self._locked_error(self._other)
            time.sleep(_POLL_S)

    def _locked_error(self, other: str) -> Locked:
        return Locked(
            f"{self.path.parent}: only one may write at a time, and another process is writing ({other}); "
            "try again later"
        )


def _sign(descriptor: int) -> None:
    """Say who writes, for people; where the disk does not take it, who writes is not known, and that is all."""
    from socket import gethostname  # which who only reads does not need

    since = datetime.now().astimezone().isoformat(timespec="seconds")
    signature = f"process {os.getpid()} on {gethostname()} since {since}".encode()[: _SIGNATURE_BYTES - 1]
    with suppress(OSError):
        os.pwrite(descriptor, signature.ljust(_SIGNATURE_BYTES - 1) + b"\n", 0)


def _holder(descriptor: int) -> str:
    signature = os.pread(descriptor, _SIGNATURE_BYTES, 0).decode("utf-8", "replace")
    return signature.partition("\n")[0].strip() or "it has not said which"


_known: WeakValueDictionary[str, FileLock] = WeakValueDictionary()
_known_mutex = Lock()


def file_lock(path: Path) -> FileLock:
    """The lock on that file, which is made where it is missing: the same object for all who ask in this process.

    Nothing else in the process may open and close the file: that would let go of the lock.
    """
    resolved = os.path.realpath(path)
    with _known_mutex:
        lock = _known.get(resolved)
        if lock is None:
            lock = _known[resolved] = FileLock(Path(resolved))
        return lock
