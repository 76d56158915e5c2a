"""Whether the file is still the one that was opened, and its history still the one that was read.

A catalog can be removed and made anew by another process, moved away and back, or replaced by an older copy, over the
file's name or into the file itself. What was read before is worth nothing then: keys stand for other pictures, the same
version number for another state, and SQLite itself, which goes by a counter, may answer from pages that are gone.

Each look compares two things with those of the last look:

- which file bears the name: device and inode, which stay taken as long as a connection has the file open;
- if the file was written since: what its settings say of its history. Every commit names itself with a random word, so
  that two states which are not the same never look the same. A file that was written without a commit was copied over,
  unless a process was killed at its commit and the pages that it had written were put back.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from lookalike.catalog.sqlite.reading import lineage, number_setting, setting
from lookalike.core.ending import turn_of
from lookalike.core.errors import CollectionReplaced, NoCollection, StorageFailed
from lookalike.storage.sqlite.connection import connect_to_read


class FileStamp(NamedTuple):
    """What a file system says of a file.

    Attributes:
        file: device and inode.
        written: time of the last write in nanoseconds, and size in bytes.
    """

    file: tuple[int, int]
    written: tuple[int, int]


class History(NamedTuple):
    """What a catalog says of its past at one moment.

    Attributes:
        identity: word of the collection; '' where an earlier version of Lookalike made all of it.
        version: how many commits there were.
        commit: word of the last one; '' where an earlier version of Lookalike made it.
        last_seq: number of the last change.
        writer: word for who made it.
    """

    identity: str
    version: int
    commit: str
    last_seq: int
    writer: str


def stamp_of(path: Path) -> FileStamp:
    """Look at the file of a catalog.

    Raises:
        NoCollection: when it is not there.
        StorageFailed: when it cannot be looked at.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise NoCollection(
            f"{path.parent}: the collection is not there any more: it was removed or moved"
            "; open the one that is there now"
        ) from None
    except OSError as error:
        raise StorageFailed(
            f"{path}: cannot be looked at ({error.strerror}); repair its permissions or its disk"
        ) from error
    return FileStamp((found.st_dev, found.st_ino), (found.st_mtime_ns, found.st_size))


def history_of(connection: sqlite3.Connection) -> History:
    """What the catalog says as this connection sees it."""
    last_seq = number_setting(connection, "last_seq")
    return History(
        identity=setting(connection, "identity", ""),
        version=number_setting(connection, "version"),
        commit=setting(connection, "commit", ""),
        last_seq=last_seq,
        writer=lineage(connection, last_seq),
    )


class Continuity:
    """Remembers what was seen at the last look. Safe to use from many threads.

    Args:
        path: of the catalog.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = Lock()
        self._file: tuple[int, int] | None = None
        self._seen: FileStamp | None = None  # None: the next look is to expect another time of writing
        self._history: History | None = None
        self._is_broken = False

    def is_unchanged(self) -> bool:
        """Whether the name still stands for the same file, of the same size and time of writing. At once."""
        try:
            return stamp_of(self._path) == self._seen and not self._is_broken
        except (NoCollection, StorageFailed):
            return False

    def check(self, connection: sqlite3.Connection, file: tuple[int, int]) -> None:
        """To be called when a transaction has begun, before anything is read in it.

        Args:
            connection: on which it has.
            file: device and inode of what this connection has open.
        Raises:
            CollectionReplaced: when what was read before is worth nothing now. A file that comes back under its name
                is good again; one that was written over is not, for this object.
            NoCollection: when no file bears the name.
            StorageFailed: when the file cannot be looked at.
        """
        found = self.check_file(file)
        if found == self._seen and not self._is_broken:
            return
        with turn_of(self._mutex):  # looks come one after the other, as the states do that they see
            history = history_of(connection)
            found = stamp_of(self._path)  # nobody writes while this connection reads
            if self._is_broken or not self._goes_on(connection, history, found):
                self._is_broken = True
                raise _replaced_error(self._path)
            self._file, self._history, self._seen = file, history, found

    def check_file(self, file: tuple[int, int]) -> FileStamp:
        """Look whether the name stands for that file still. Raises as `check`."""
        found = stamp_of(self._path)
        if found.file != file or file != (self._file or file):
            raise _replaced_error(self._path)
        return found

    def note_commit(self, history: History) -> None:
        """What this process has committed is the history that goes on."""
        with self._mutex:
            self._seen = None
            if self._history is None or history.version > self._history.version:
                self._history = history

    def undoing(self) -> None:
        """This process takes back what it may have written. Waits for nobody: who looks waits for it, and sees that."""
        self._seen = None

    def _goes_on(self, connection: sqlite3.Connection, now: History, found: FileStamp) -> bool:
        before = self._history
        if before is None:
            return True
        if now == before:
            return self._seen is None or self._seen == found or self._is_on_disk(now)
        return (
            before.identity in ("", now.identity)
            and now.version > before.version
            and now.last_seq >= before.last_seq
            and lineage(connection, before.last_seq) == before.writer
        )

    def _is_on_disk(self, now: History) -> bool:
        """Whether the file says the same to who has none of its pages: where a process was killed at its commit, what
        it had written was put back.

        Within a transaction, during which nobody writes to the file; so it is read without a lock of its own, which is
        not to be had while another process waits for the end of this transaction to commit.
        """
        with closing(connect_to_read(self._path, is_immutable=True)) as fresh:
            return bool(now.commit) and history_of(fresh) == now


def _replaced_error(path: Path) -> CollectionReplaced:
    return CollectionReplaced(
        f"{path.parent}: the collection that was opened is no longer there; another one, or another state of it, "
        "was put "
        "in its place: open it again"
    )
