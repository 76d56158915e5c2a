"""What a service keeps its collections in: folders of this machine, or what its settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lookalike.assembly.catalogs import served_catalogs
from lookalike.assembly.collection import open_collection
from lookalike.assembly.service import open_uploads
from lookalike.core.errors import WrongModel
from lookalike.storage.private import make_private

if TYPE_CHECKING:
    from lookalike.catalog.catalogs import Catalogs
    from lookalike.collection import Collection
    from lookalike.objects.uploads import DirectUploads
    from lookalike.settings.service import ServiceSettings

Open = Callable[[Path, bool], "Collection"]
"""Opens a folder as a collection; whether one may be made there."""


class OwnUploads(NamedTuple):
    """By what uploads into one collection are told from those into others.

    Attributes:
        identity: gives the collection's; '' where it cannot be read.
        secret: gives what signs URLs where this service receives the bytes, at least 32 bytes.
        url_prefix: what stands before the upload's id in these.
    """

    identity: Callable[[], str]
    secret: Callable[[], bytes]
    url_prefix: str


class Backing(Protocol):
    """Opens what belongs to a collection by its name. Safe to use from many threads."""

    @property
    def catalogs(self) -> Catalogs:
        """Of all collections."""
        ...

    def is_ours(self, name: str, /) -> bool:
        """Whether the service may remove it; not one that was there before the service, and was named to it."""
        ...

    def open(self, name: str, *, create: bool) -> Collection:
        """Open a collection, which the caller closes.

        Raises:
            NoCollection: when there is none, and `create` is false.
            LookalikeError: when it cannot be opened or made.
        """
        ...

    def drop(self, name: str) -> None:
        """Remove a collection, so that it is gone at once and for everybody; what it kept goes then, or by `sweep`.

        Raises:
            NoCollection, Locked, ReadOnly, StorageFailed, ServiceDown: as `Catalogs.drop`.
        """
        ...

    def uploads(self, name: str, own: OwnUploads) -> DirectUploads:
        """Where uploads into a collection wait. Cheap, and makes nothing by itself."""
        ...

    def sweep(self, *, before: float) -> None:
        """Delete what is left of removed collections.

        Args:
            before: Unix time in seconds: whose removal began earlier, is not looked for again.
        Raises:
            StorageFailed, ServiceDown: when something cannot be deleted now.
        """
        ...

    def checks(self) -> Mapping[str, Callable[[], object]]:
        """By name, what asks a server beside that of the catalogs whether it answers, and raises where it does not."""
        ...

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...


class FolderBacking:
    """Each collection has a folder of its own, with all that belongs to it.

    Args:
        home: in whose folder `collections` they lie, and new ones are made.
        named: folders elsewhere, by name.
        open_: opens one; as a user's collection if None.
    """

    def __init__(self, home: Path, *, named: Mapping[str, Path] | None = None, open_: Open | None = None) -> None:
        self._named = dict(named or {})
        self._catalogs = served_catalogs(home, named=named)
        self._open = open_ or _open_folder

    @property
    def catalogs(self) -> Catalogs:
        """See `Backing`."""
        return self._catalogs

    def is_ours(self, name: str, /) -> bool:
        """See `Backing`."""
        return name not in self._named

    def open(self, name: str, *, create: bool) -> Collection:
        """See `Backing`."""
        folder = self._catalogs.folder_of(name)
        if create:
            make_private(folder)
        return self._open(folder, create)

    def drop(self, name: str) -> None:
        """See `Backing`: its folder goes."""
        self._catalogs.drop(name)

    def uploads(self, name: str, own: OwnUploads) -> DirectUploads:
        """See `Backing`."""
        return open_uploads(self._catalogs.folder_of(name), secret=own.secret, url_prefix=own.url_prefix)

    def sweep(self, *, before: float) -> None:
        """See `Backing`."""
        self._catalogs.sweep(before=before)

    def checks(self) -> Mapping[str, Callable[[], object]]:
        """See `Backing`: there are no servers."""
        return {}

    def close(self) -> None:
        """See `Backing`."""


def backing_of(settings: ServiceSettings, *, open_: Open | None = None) -> Backing:
    """What keeps the collections of a service, as its settings say.

    Args:
        settings: what was set.
        open_: opens one that lies in a folder; as a user's collection if None.
    """
    if not settings.database:
        return FolderBacking(settings.home, named=settings.collections, open_=open_)
    from lookalike.assembly.servers import ServerBacking

    return ServerBacking(settings)


def _open_folder(folder: Path, create: bool) -> Collection:
    """With its own model, whatever the service's settings name, which is for new ones, and where it was not kept."""
    if not create:
        with suppress(WrongModel):
            return open_collection(folder, create=False, model="auto")
    return open_collection(folder, create=create)
