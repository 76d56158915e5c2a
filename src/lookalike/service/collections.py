"""The collections that are served: tenants of one service."""

from __future__ import annotations

import hmac
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from lookalike.assembly.backing import Backing, OwnUploads
from lookalike.catalog.catalogs import CatalogOverview
from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
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
    NotFound,
    StorageFailed,
)
from lookalike.objects.receiving import Receiving
from lookalike.objects.uploads import DirectUploads
from lookalike.service.problems import no_collection

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

MOST_OPEN = 32
"""So many collections of one process are kept open, where nothing else is set."""

ATTEMPTS = 5
"""How often something is begun anew because another collection took the place of the one that it was begun with."""

T = TypeVar("T")

CANNOT_BE_READ = (NoCollection, CatalogDamaged, FormatTooNew)
"""What is wrong with a collection itself, however often one looks; others may be able to read it in a moment."""

AT_THE_MOMENT = (Busy, CollectionReplaced, DeadlineExceeded, Locked)
"""What is over in a moment, and says nothing of a collection."""

_log = logging.getLogger(__name__)


class Glanced(NamedTuple):
    """A collection in a list: what its catalog says, or why it cannot be read."""

    name: str
    seen: CatalogOverview | None
    fault: LookalikeError | None


class Collections:
    """Opens collections when they are first asked for, and keeps them open. Safe to use from many threads.

    A name stands for whatever collection bears it at the moment: where another process has removed it and made it anew,
    or put an older copy in its place, that one is opened. Of more than `most_open` the one that was not
    asked for the longest is let go of. Who still uses one that was let go of can go on with it: it is gone once nobody
    does.

    Args:
        backing: what they are kept in.
        secret: gives what signs the URLs of uploads.
        most_open: how many are kept open.
    """

    def __init__(self, backing: Backing, *, secret: Callable[[], bytes], most_open: int = MOST_OPEN) -> None:
        self._backing = backing
        self._catalogs = backing.catalogs
        self._secret = secret
        self._most_open = most_open
        self._mutex = threading.Lock()
        self._opened: OrderedDict[str, Collection] = OrderedDict()  # the last one was asked for last
        self._turns = WeakValueDictionary[str, threading.Lock]()  # of who opens, makes or removes now, by name
        self._glances: dict[str, tuple[str, CatalogOverview]] = {}
        self._unreadable: dict[str, str] = {}  # why, as the log has it
        self._letting_go = ThreadPoolExecutor(1, thread_name_prefix="lookalike-let-go")

    def checks(self) -> Mapping[str, Callable[[], object]]:
        """What keeps them beside their catalogs, by name; see `Backing`."""
        return self._backing.checks()

    def names(self) -> list[str]:
        """All of them, sorted. Opens none.

        Raises:
            StorageFailed: when the folder cannot be looked through.
        """
        return [name for name in self._catalogs.names() if NAME.fullmatch(name) or not self._backing.is_ours(name)]

    def get(self, name: str) -> Collection:
        """One of them.

        Raises:
            NoCollection: when there is none of that name.
            LookalikeError: when it cannot be opened.
        """
        collection = self.get_open(name)
        if collection is not None:
            return collection
        self._check_name(name)
        with turn_of(self._turn(name)):
            collection = self._at_hand(name)
            if collection is not None and hosting(collection).is_current():
                return collection
            self._let_go(name)
            if not self._is_there(name):
                raise no_collection(name)
            return self._keep(name, self._backing.open(name, create=False))

    def get_open(self, name: str) -> Collection | None:
        """One that is open and was not touched since it was used last, at once; None for what `get` must look at."""
        collection = self._at_hand(name)
        return collection if collection is not None and hosting(collection).is_unchanged else None

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
        return NAME.fullmatch(name) is not None and self._catalogs.is_gone(name)

    def glance(self, name: str) -> CatalogOverview:
        """What the catalog says of a collection, without opening its index or its models.

        Raises:
            NoCollection: when there is none of that name.
            LookalikeError: when it cannot be read.
        """
        self._check_name(name)
        stamp = self._catalogs.stamp(name)
        with self._mutex:
            known = self._glances.get(name)
        if known is not None and stamp and known[0] == stamp:
            return known[1]
        try:
            seen = self._catalogs.overview(name)
        except CollectionError as error:
            if error.code != CollectionError.code:
                raise
            self.get(name)  # an earlier version wrote it: to open it brings it up to date
            seen = self._catalogs.overview(name)
        with self._mutex:
            self._glances[name] = stamp, seen
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

    def receiving(self, name: str) -> Receiving:
        """The same, where what clients bring comes to this service.

        Raises:
            NotFound: when it goes to a store that takes it itself.
        """
        uploads = self.uploads(name)
        if not isinstance(uploads, Receiving):
            raise NotFound("expected bytes to be PUT to the storage that signs for them, got them here: use its URL")
        return uploads

    def uploads(self, name: str) -> DirectUploads:
        """Where uploads into a collection wait.

        URLs are signed for the collection, not for its name: those of an earlier one lead into no later one.
        """
        self._check_name(name)
        own = OwnUploads(partial(self._identity, name), partial(self._secret_of, name), f"/v1/storage/{name}")
        return self._backing.uploads(name, own)

    def not_saved_for_s(self) -> float:
        """For how long the index of an open one could not be saved, the longest, in seconds; 0 where all can."""
        with self._mutex:
            opened = list(self._opened.values())
        troubles = [hosting(collection).not_saved for collection in opened]
        return max((trouble.lasts_s for trouble in troubles if trouble is not None), default=0.0)

    def is_at_hand(self, name: str) -> bool:
        """Whether it is open, so that what is signed for it can be checked at once."""
        return self._at_hand(name) is not None

    def create(self, name: str) -> bool:
        """Make one; False where it is there.

        Raises:
            BadInput: when it can be no name.
            StorageFailed: when it cannot be made.
        """
        self._check_name(name)
        with turn_of(self._turn(name)):
            for _ in range(ATTEMPTS):
                if self._catalogs.exists(name):
                    return False
                self._let_go(name)
                try:
                    self._keep(name, self._backing.open(name, create=True))
                except (CollectionReplaced, NoCollection):
                    continue  # another process has removed it as soon as it was there, or made another in its place
                except StorageFailed:
                    if self._catalogs.exists(name):
                        raise
                    continue  # it was removed meanwhile, or the disk fails again
                return True
        raise StorageFailed(
            f"the collection {name!r} cannot be made, or is removed as often as it is made"
            "; try again, and let only one client make or remove it"
        )

    def remove(self, name: str) -> None:
        """Remove one whole, with all that was added to it; pictures that lie elsewhere stay.

        Whoever writes to it at the moment ends that first, so that nothing is acknowledged that goes into nothing.

        Raises:
            NoCollection: when there is none of that name.
            Conflict: when it was named at the start, and is not the service's own.
            Locked: when another process writes for long.
            StorageFailed, ReadOnly: when it cannot be removed.
        """
        self._check_name(name)
        if not self._backing.is_ours(name):
            raise Conflict(
                f"{name!r} was there before the service and is not removed by it"
                "; remove it with `lookalike remove` on its machine, or end the service and delete its folder",
                code="not_ours",
                values={"name": name},
            )
        with turn_of(self._turn(name)):
            try:
                self._backing.drop(name)
            except NoCollection:
                raise no_collection(name) from None
            finally:
                if not self._is_there(name):
                    self._let_go(name)

    def sweep(self, *, before: float) -> None:
        """Delete what is left of those that were removed; see `Backing.sweep`."""
        self._backing.sweep(before=before)

    def close(self) -> None:
        """Save what is worth it, and let go of all of them. Idempotent."""
        self._letting_go.shutdown()
        with self._mutex:
            opened, self._opened = self._opened, OrderedDict()
        for collection in opened.values():
            collection.close()
        self._backing.close()

    def _secret_of(self, name: str) -> bytes:
        return hmac.digest(self._secret(), self._identity(name).encode(), "sha256")

    def _identity(self, name: str) -> str:
        """At once for one that is open; '' for one that cannot be read, into which nothing can be uploaded."""
        collection = self._at_hand(name)
        try:
            return hosting(collection).identity if collection is not None else self._glance_anew(name).identity
        except CANNOT_BE_READ:
            return ""

    def _glance_anew(self, name: str) -> CatalogOverview:
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

    def _is_there(self, name: str) -> bool:
        """Also one that has lost its catalog. Raises `ReadOnly` or `StorageFailed` where that cannot be told."""
        try:
            return self._catalogs.exists(name)
        except CatalogDamaged:
            return True

    def _keep(self, name: str, collection: Collection) -> Collection:
        try:
            _ = hosting(collection).identity  # is read here, and known from now on
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

    def _check_name(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"expected 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a-z or 0-9, got {name[:80]!r}"
                "; write it in small letters, and replace other signs by -"
            )


def _let_go(collection: Collection) -> None:
    try:
        hosting(collection).let_go()
    except LookalikeError as error:
        _log.warning("a collection was not left in order: %s", error)
