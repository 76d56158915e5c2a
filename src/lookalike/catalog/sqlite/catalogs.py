"""Catalogs in folders: each in one of its own, of its name, beside all that belongs to its collection."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lookalike.catalog.catalogs import CatalogOverview, overview_of
from lookalike.catalog.sqlite.alone import nobody_writing
from lookalike.catalog.sqlite.catalog import SqliteCatalog
from lookalike.core.errors import CatalogDamaged, NoCollection, ReadOnly, StorageFailed
from lookalike.storage.private import make_private

REMOVED = ".removed"
"""The end of the hidden name that a folder bears while it is being removed."""

DROP_WAIT_S = 10.0
"""How long to wait for who writes to a catalog that is to be dropped, in seconds."""

_YOUNG_NS = 2_000_000_000
"""A file that was written less long ago may be written again without a later time: clocks of file systems tick slowly,
those of FAT every 2 seconds."""

_IS_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class SqliteCatalogs:
    """See `lookalike.catalog.catalogs.Catalogs`.

    Args:
        folder: in which the folders lie; it need not be there yet.
        file_name: of the catalog in each.
        has_belongings: whether something lies in a folder that was told of by its catalog.
        named: folders elsewhere, by name; they count first.
        drop_wait_s: see `DROP_WAIT_S`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_name: str,
        has_belongings: Callable[[Path], bool],
        named: Mapping[str, Path] | None = None,
        drop_wait_s: float = DROP_WAIT_S,
    ) -> None:
        self._folder = folder
        self._file_name = file_name
        self._has_belongings = has_belongings
        self._named = dict(named or {})
        self._drop_wait_s = drop_wait_s

    def folder_of(self, name: str) -> Path:
        """Where it lies, or would lie."""
        return self._named.get(name, self._folder / name)

    def names(self) -> list[str]:
        """All of them, sorted; see `Catalogs`. Hidden folders are none: one that is being removed is hidden."""
        with _telling(self._folder):
            try:
                entries = os.listdir(self._folder)
            except FileNotFoundError:  # none was made yet
                entries = []
        return sorted({*self._named, *(name for name in entries if name[0] != "." and self._may_be_there(name))})

    def exists(self, name: str) -> bool:
        """Whether there is one; see `Catalogs`."""
        size_bytes = self._size_bytes(name)
        if size_bytes:
            return True
        folder = self.folder_of(name)
        if self._has_belongings(folder) and not self._size_bytes(name):  # else it was made just now, the file first
            raise CatalogDamaged(
                f"expected {folder / self._file_name} to hold what belongs to it, but the catalog is empty or gone: "
                f"restore it from a copy, or move {folder} away to begin anew"
            )
        return size_bytes is not None

    def is_gone(self, name: str) -> bool:
        """Whether nothing is left of it for certain; see `Catalogs`. Of one that was named it never is."""
        return name not in self._named and self._folder.is_dir() and not os.path.lexists(self._folder / name)

    def open(self, name: str, *, read_only: bool = False) -> SqliteCatalog:
        """Open one; see `Catalogs`."""
        if not self.exists(name):
            raise NoCollection(f"expected a collection at {self.folder_of(name)}, but there is none: make it first")
        return SqliteCatalog.open(self._path(name), read_only=read_only, create=False)

    def create(self, name: str) -> bool:
        """Make one; see `Catalogs`."""
        if self.exists(name):
            return False
        with _telling(self.folder_of(name)):
            make_private(self.folder_of(name))
        SqliteCatalog.open(self._path(name)).close()
        return True

    def drop(self, name: str) -> None:
        """Remove one whole, its folder with it: first out of sight in one step, while nobody writes, then for good.

        Of one that is a link only the link goes: whoever made it keeps what lies behind.
        """
        folder, path = self.folder_of(name), self._path(name)
        gone = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{REMOVED}")
        with _telling(folder):
            is_file = path.is_file()  # to one that was lost nobody writes
            if not is_file and not self._has_belongings(folder):
                raise NoCollection(
                    f"expected a collection at {folder}, but there is none: use one of the names that there are"
                )
            with nobody_writing(path, wait_s=self._drop_wait_s) if is_file else nullcontext():
                folder.rename(gone)
            _delete(gone)

    def sweep(self, *, before: float) -> None:
        """Delete what is left of those whose removal was begun, and ended with its process.

        Args:
            before: Unix time in seconds: only what began before it, for the rest may be under way.
        Raises:
            StorageFailed: when something cannot be deleted.
        """
        with _telling(self._folder):
            for gone in self._folder.glob(f".*{REMOVED}"):
                if gone.lstat().st_ctime < before:
                    _delete(gone)

    def overview(self, name: str) -> CatalogOverview:
        """What a catalog says of its collection; see `Catalogs`."""
        with self.open(name, read_only=True) as catalog:
            return overview_of(catalog)

    def stamp(self, name: str) -> str:
        """A word for the file as it was written last; '' while that may not be the last time within one tick."""
        try:
            found = os.stat(self._path(name))
        except OSError:
            return ""
        if time.time_ns() - found.st_mtime_ns < _YOUNG_NS:
            return ""
        return f"{found.st_dev} {found.st_ino} {found.st_mtime_ns} {found.st_size}"

    def _path(self, name: str) -> Path:
        return self.folder_of(name) / self._file_name

    def _size_bytes(self, name: str) -> int | None:
        """None where there is no file."""
        with _telling(self._path(name)):
            try:
                return os.stat(self._path(name)).st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _may_be_there(self, name: str) -> bool:
        """Also where the disk does not tell."""
        try:
            return self.exists(name)
        except (CatalogDamaged, ReadOnly, StorageFailed):
            return True


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Raise our errors in the place of the system's."""
    try:
        yield
    except OSError as error:
        kind = ReadOnly if error.errno in _IS_READ_ONLY else StorageFailed
        raise kind(
            f"expected to look at or change {path}, but got {error.strerror or error}: look at its rights and its disk"
        ) from error


def _delete(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)
