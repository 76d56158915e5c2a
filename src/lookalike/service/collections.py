"""The collections that are served: tenants of one service, each a folder of its own."""

from __future__ import annotations

import hmac
import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from lookalike.assembly.collection import open_collection
from lookalike.assembly.glance import CollectionGlance, glance_at_collection
from lookalike.assembly.places import COLLECTIONS
from lookalike.assembly.removal import remove_collection
from lookalike.assembly.service import open_uploads
from lookalike.collection import Collection
from lookalike.core.ending import turn_of
from lookalike.core.errors import (
    BadInput,
    Busy,
    CatalogDamaged,
    CollectionError,
    CollectionReplaced,
    Conflict,
    DeadlineExceeded,
    FormatTooNew,
    Locked,
    LookalikeError,
    NoCollection,
    ReadOnly,
    StorageFailed,
    WrongModel,
)
from lookalike.objects.direct.base import DirectUploads
from lookalike.objects.direct.receiving import ReceivingUploads
from lookalike.objects.durable import translating
from lookalike.settings.served_collections import CATALOG, holds_pictures
from lookalike.storage.private import make_private

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

MOST_OPEN = 32
"""So many collections of one process are kept open, where nothing else is set."""

ATTEMPTS = 5
"""How often something is begun anew because another collection took the place of the one that it was begun with."""

Open = Callable[[Path, bool], Collection]
"""Opens a folder as a collection; whether one may be made there."""

T = TypeVar("T")

CANNOT_BE_READ = (NoCollection, CatalogDamaged, FormatTooNew)
"""What is wrong with a collection itself, however often one looks; others may be able to read it in a moment."""

AT_THE_MOMENT = (Busy, CollectionReplaced, DeadlineExceeded, Locked)
"""What is over in a moment, and says nothing of a collection."""

_YOUNG_NS = 2_000_000_000
"""A file that was written less long ago may be written again without a later time: clocks of file systems tick slowly,
those of FAT every 2 seconds."""

_log = logging.getLogger(__name__)


class Glanced(NamedTuple):
    """A collection in a list: what its catalog says, or why it cannot be read."""

    name: str
    seen: CollectionGlance | None
    fault: LookalikeError | None


class Collections:
    """Opens collections when they are first asked for, and keeps them open. Safe to use from many threads.

    A name stands for whatever collection lies in its folder at the moment: where another process has removed it and
    made it anew, or put an older copy in its place, that one is opened. Of more than `most_open` the one that was not
    asked for the longest is let go of. Who still uses one that was let go of can go on with it: it is gone once nobody
    does.

    Args:
        named: folders by name.
        home: folder in whose `collections` others lie, and new ones are made.
        secret: gives what signs the URLs of uploads.
        open_: opens one.
        most_open: how many are kept open.
    """

    def __init__(
        self,
        *,
        named: dict[str, Path],
        home: Path,
        secret: Callable[[], bytes],
        open_: Open | None = None,
        most_open: int = MOST_OPEN,
    ) -> None:
        self._named = dict(named)
        self._folder = home / COLLECTIONS
        self._secret = secret
        self._open = open_ or _opened
        self._most_open = most_open
        self._mutex = threading.Lock()
        self._opened: OrderedDict[str, Collection] = OrderedDict()  # the last one was asked for last
        self._turns = WeakValueDictionary[str, threading.Lock]()  # of who opens, makes or removes now, by name
        self._glances: dict[str, tuple[_Stamp | None, CollectionGlance]] = {}
        self._unreadable: dict[str, str] = {}  # why, as the log has it
        self._letting_go = ThreadPoolExecutor(1, thread_name_prefix="lookalike-let-go")

    def names(self) -> list[str]:
        """All of them, sorted. Looks at names of files alone.

        Raises:
            StorageFailed: when the folder cannot be looked through.
        """
        with translating(self._folder):
            try:
                there = os.listdir(self._folder)
            except FileNotFoundError:  # none was made yet
                there = []
        found = [name for name in there if NAME.fullmatch(name) and _may_be_there(self._folder / name)]
        return sorted({*self._named, *found})

    def get(self, name: str) -> Collection:
        """One of them.

        Raises:
            NoCollection: when there is none of that name.
            LookalikeError: when it cannot be opened.
        """
        collection = self.opened(name)
        if collection is not None:
            return collection
        folder = self._path(name)
        with turn_of(self._turn(name)):
            collection = self._at_hand(name)
            if collection is not None and collection.is_current():
                return collection
            self._let_go(name)
            if not _is_there(folder):
                raise NoCollection(f"there is no collection {name!r}", values={"name": name})
            return self._kept(name, self._open(folder, False))

    def opened(self, name: str) -> Collection | None:
        """One that is open and was not touched since it was used last, at once; None for what `get` must look at."""
        collection = self._at_hand(name)
        return collection if collection is not None and collection.is_unchanged else None

    def use(self, name: str, call: Callable[[Collection], T]) -> T:
        """Do something with a collection; anew, from its beginning, where another took its place meanwhile.

        Raises:
            NoCollection: when there is none of that name.
            LookalikeError: what the call raises.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return call(self.get(name))
            except CollectionReplaced:
                continue
        return call(self.get(name))

    def is_gone(self, name: str) -> bool:
        """Whether a collection that was made here was removed, by whomever; False where that is not certain.

        It is not of one that was named at the start, which may lie on a drive that is away, nor of one whose folder is
        there without its catalog.
        """
        return (
            name not in self._named
            and NAME.fullmatch(name) is not None
            and self._folder.is_dir()
            and not os.path.lexists(self._folder / name)
        )

    def glance(self, name: str) -> CollectionGlance:
        """What the catalog says of a collection, without opening its index or its models.

        Raises:
            NoCollection: when there is none of that name.
            LookalikeError: when it cannot be read.
        """
        folder = self._path(name)
        stamp = _stamp(folder / CATALOG)
        with self._mutex:
            known = self._glances.get(name)
        if known is not None and stamp is not None and known[0] == stamp:
            return known[1]
        is_young = stamp is not None and time.time_ns() - stamp.written_ns < _YOUNG_NS
        try:
            seen = glance_at_collection(folder)
        except CollectionError as error:
            if error.code != CollectionError.code:
                raise
            self.get(name)  # an earlier version wrote it: to open it brings it up to date
            seen = glance_at_collection(folder)
        with self._mutex:
            self._glances[name] = None if is_young else stamp, seen
        return seen

    def glances(self, names: Iterable[str]) -> Iterator[Glanced]:
        """What the catalogs of several say, or why one cannot be read, each when it is asked for.

        Those that were just removed are left out; none that only cannot be read at the moment.

        Raises:
            Busy, CollectionReplaced, DeadlineExceeded, Locked: for one of those.
        """
        for name in names:
            try:
                seen = self._glance_anew(name)
            except NoCollection:
                continue
            except AT_THE_MOMENT:
                raise
            except LookalikeError as error:
                self._tell_unreadable(name, error)
                yield Glanced(name, None, error)
            else:
                self._unreadable.pop(name, None)
                yield Glanced(name, seen, None)

    def _tell_unreadable(self, name: str, error: LookalikeError) -> None:
        """Log it once, however often it is asked for."""
        if self._unreadable.get(name) != str(error):
            self._unreadable[name] = str(error)
            _log.warning("the collection %r cannot be read: %s", name, error)

    def uploads(self, name: str) -> DirectUploads:
        """Where uploads into a collection wait."""
        return self.local_uploads(name)

    def local_uploads(self, name: str) -> ReceivingUploads:
        """The same, with the way to receive bytes.

        URLs are signed for the collection, not for its name: those of an earlier one lead into no later one.
        """
        return open_uploads(self._path(name), secret=partial(self._secret_of, name), url_prefix=f"/v1/storage/{name}")

    def is_at_hand(self, name: str) -> bool:
        """Whether it is open, so that what is signed for it can be checked at once."""
        return self._at_hand(name) is not None

    def create(self, name: str) -> bool:
        """Make one; False where it is there.

        Raises:
            BadInput: when it can be no name.
            StorageFailed: when it cannot be made.
        """
        folder = self._path(name)
        with turn_of(self._turn(name)):
            for _ in range(ATTEMPTS):
                if _has_catalog(folder):
                    return False
                self._let_go(name)
                make_private(folder)
                try:
                    self._kept(name, self._open(folder, True))
                except (CollectionReplaced, NoCollection):
                    continue  # another process has removed it as soon as it was there, or made another in its place
                except StorageFailed:
                    if _has_catalog(folder):
                        raise
                    continue  # it was removed meanwhile, or the disk fails again
                return True
        raise StorageFailed(f"the collection {name!r} cannot be made, or is removed as often as it is made")

    def remove(self, name: str) -> None:
        """Remove one whole, with all that was added to it; pictures that lie elsewhere stay.

        Whoever writes to it at the moment ends that first, so that nothing is acknowledged that goes into nothing.

        Raises:
            NoCollection: when there is none of that name.
            Conflict: when it was named at the start, and is not the service's own.
            Locked: when another process writes for long.
            StorageFailed, ReadOnly: when it cannot be removed.
        """
        folder = self._path(name)
        if name in self._named:
            raise Conflict(
                f"{name!r} was there before the service and is not removed by it",
                code="not_ours",
                values={"name": name},
            )
        with turn_of(self._turn(name)):
            try:
                remove_collection(folder)
            except NoCollection:
                raise NoCollection(f"there is no collection {name!r}", values={"name": name}) from None
            finally:
                if not _is_there(folder):
                    self._let_go(name)

    def close(self) -> None:
        """Save what is worth it, and let go of all of them. Idempotent."""
        self._letting_go.shutdown()
        with self._mutex:
            opened, self._opened = self._opened, OrderedDict()
        for collection in opened.values():
            collection.close()

    def _secret_of(self, name: str) -> bytes:
        return hmac.digest(self._secret(), self._identity(name).encode(), "sha256")

    def _identity(self, name: str) -> str:
        """At once for one that is open; '' for one that cannot be read, into which nothing can be uploaded."""
        collection = self._at_hand(name)
        try:
            return collection.identity if collection is not None else self._glance_anew(name).identity
        except CANNOT_BE_READ:
            return ""

    def _glance_anew(self, name: str) -> CollectionGlance:
        """As `glance`, where another took its place meanwhile."""
        for _ in range(ATTEMPTS - 1):
            with suppress(CollectionReplaced):
                return self.glance(name)
        return self.glance(name)

    def _turn(self, name: str) -> threading.Lock:
        with self._mutex:
            return self._turns.setdefault(name, threading.Lock())

    def _at_hand(self, name: str) -> Collection | None:
        with self._mutex:
            collection = self._opened.get(name)
            if collection is not None:
                self._opened.move_to_end(name)
            return collection

    def _kept(self, name: str, collection: Collection) -> Collection:
        try:
            _ = collection.identity  # is read here, and known from now on
        except BaseException:
            collection.close()
            raise
        with self._mutex:
            self._opened[name] = collection
            most = [self._opened.popitem(last=False)[1] for _ in range(len(self._opened) - self._most_open)]
        for one in most:
            self._letting_go.submit(_let_go, one)
        return collection

    def _let_go(self, name: str) -> None:
        with self._mutex:
            collection = self._opened.pop(name, None)
        if collection is not None:
            self._letting_go.submit(_let_go, collection)

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"expected 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a-z or 0-9, got {name[:80]!r}"
            )
        return self._named.get(name, self._folder / name)


def _is_there(folder: Path) -> bool:
    """Also one that has lost its catalog. Raises `ReadOnly` or `StorageFailed` where that cannot be told."""
    return _has_catalog(folder) or holds_pictures(folder)


def _has_catalog(folder: Path) -> bool:
    """Raises `ReadOnly` or `StorageFailed` where that cannot be told."""
    with translating(folder / CATALOG):
        try:
            os.stat(folder / CATALOG)
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _may_be_there(folder: Path) -> bool:
    """Also where the disk does not tell."""
    try:
        return _is_there(folder)
    except (ReadOnly, StorageFailed):
        return True


class _Stamp(NamedTuple):
    """By which a file that was written or replaced is told."""

    device: int
    inode: int
    written_ns: int
    size_bytes: int


def _stamp(path: Path) -> _Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _opened(folder: Path, create: bool) -> Collection:
    """With its own model, whatever the service's settings name, which is for new ones, and where it was not kept."""
    if not create:
        with suppress(WrongModel):
            return open_collection(folder, create=False, model="auto")
    return open_collection(folder, create=create)


def _let_go(collection: Collection) -> None:
    try:
        collection.let_go()
    except LookalikeError as error:
        _log.warning("a collection was not left in order: %s", error)
