"""The collections that are served: tenants of one service, each a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lookalike.assembly import COLLECTIONS, UPLOADS, open_collection
from lookalike.collection import Collection
from lookalike.core.errors import BadInput, Conflict, NoCollection, StorageFailed
from lookalike.core.private import FOLDER
from lookalike.objects.direct.base import DirectUploads
from lookalike.objects.direct.local import LocalUploads
from lookalike.settings.served_collections import CATALOG

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

SEEN_FOR_S = 0.5
"""How long a collection that another process has removed may still be answered for."""

Open = Callable[[Path, bool], Collection]
"""Opens a folder as a collection; whether one may be made there."""


class Collections:
    """Opens collections when they are first asked for, and keeps them open. Safe to use from many threads.

    Args:
        named: folders by name.
        home: folder in whose `collections` others lie, and new ones are made.
        secret: signs the URLs of uploads.
        open_: opens one.
    """

    def __init__(self, *, named: dict[str, Path], home: Path, secret: bytes, open_: Open | None = None) -> None:
        self._named = dict(named)
        self._folder = home / COLLECTIONS
        self._secret = secret
        self._open = open_ or _opened
        self._opening = threading.Lock()
        self._collections: dict[str, Collection] = {}
        self._seen: dict[str, float] = {}  # when their folders were last looked at

    def names(self) -> list[str]:
        """All of them, sorted."""
        found = [path.parent.name for path in self._folder.glob(f"*/{CATALOG}") if NAME.fullmatch(path.parent.name)]
        return sorted({*self._named, *found})

    def get(self, name: str) -> Collection:
        """One of them.

        Raises:
            NoCollection: when there is none of that name.
        """
        collection = self._collections.get(name)
        folder = self._path(name)
        if collection is not None and (folder / CATALOG).exists():
            return collection
        with self._opening:
            collection = self._collections.pop(name, None)
            if not (folder / CATALOG).exists():  # another process may have removed it
                if collection is not None:
                    collection.close()
                raise NoCollection(f"there is no collection {name!r}", values={"name": name})
            self._collections[name] = collection or self._open(folder, False)
            return self._collections[name]

    def opened(self, name: str) -> Collection | None:
        """One that is open already, at once; None for one that `get` has to look for."""
        collection = self._collections.get(name)
        if collection is None:
            return None
        now = time.monotonic()
        if now - self._seen.get(name, 0.0) > SEEN_FOR_S:
            if not (self._path(name) / CATALOG).exists():
                return None
            self._seen[name] = now
        return collection

    def uploads(self, name: str) -> DirectUploads:
        """Where uploads into a collection wait."""
        return self.local_uploads(name)

    def local_uploads(self, name: str) -> LocalUploads:
        """The same, with the way to receive bytes."""
        return LocalUploads(self._path(name) / UPLOADS, secret=self._secret, url_prefix=f"/v1/storage/{name}")

    def create(self, name: str) -> bool:
        """Make one; False where it is there.

        Raises:
            BadInput: when it can be no name.
            StorageFailed: when it cannot be made.
        """
        folder = self._path(name)
        with self._opening:
            if (folder / CATALOG).exists():
                return False
            folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
            self._collections[name] = self._open(folder, True)
            return True

    def remove(self, name: str) -> None:
        """Remove one whole, with all that was added to it; pictures that lie elsewhere stay.

        Raises:
            NoCollection: when there is none of that name.
            Conflict: when it was named at the start, and is not the service's own.
            StorageFailed: when it cannot be removed.
        """
        folder = self._path(name)
        if name in self._named:
            raise Conflict(
                f"{name!r} was there before the service and is not removed by it",
                code="not_ours",
                values={"name": name},
            )
        with self._opening:
            if not (folder / CATALOG).exists():
                raise NoCollection(f"there is no collection {name!r}", values={"name": name})
            self._seen.pop(name, None)
            if (collection := self._collections.pop(name, None)) is not None:
                collection.close()
            _remove(folder)

    def close(self) -> None:
        """Save what is worth it, and let go of all of them. Idempotent."""
        with self._opening:
            while self._collections:
                self._collections.popitem()[1].close()

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"expected 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a-z or 0-9, got {name[:80]!r}"
            )
        return self._named.get(name, self._folder / name)


def _opened(folder: Path, create: bool) -> Collection:
    return open_collection(folder, create=create)


def _remove(folder: Path) -> None:
    """First out of sight in one step, then for good."""
    gone = folder.with_name(f".{folder.name}.{os.getpid()}.removed")
    try:
        folder.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise StorageFailed(f"the collection cannot be removed: {error.strerror or error}") from error
