"""Catalogs in memory, by name: nothing outlives them."""

from __future__ import annotations

from threading import Lock

from lookalike.catalog.catalogs import CatalogOverview, overview_of
from lookalike.catalog.memory.catalog import MemoryCatalog
from lookalike.core.errors import NoCollection


class MemoryCatalogs:
    """See `lookalike.catalog.catalogs.Catalogs`. Who has one open that is dropped goes on with what nobody sees."""

    def __init__(self) -> None:
        self._catalogs: dict[str, MemoryCatalog] = {}
        self._mutex = Lock()

    def names(self) -> list[str]:
        """All of them, sorted; see `Catalogs`."""
        with self._mutex:
            return sorted(self._catalogs)

    def exists(self, name: str) -> bool:
        """Whether there is one; see `Catalogs`."""
        with self._mutex:
            return name in self._catalogs

    def is_gone(self, name: str) -> bool:
        """Whether nothing is left of it; see `Catalogs`."""
        return not self.exists(name)

    def open(self, name: str, *, read_only: bool = False) -> MemoryCatalog:  # noqa: ARG002 - whoever wants to can write
        """Open one; see `Catalogs`. All who do have the same one."""
        with self._mutex:
            if name not in self._catalogs:
                raise NoCollection(f"expected a collection {name!r}, but there is none: make it first")
            return self._catalogs[name]

    def create(self, name: str) -> bool:
        """Make one; see `Catalogs`."""
        with self._mutex:
            if name in self._catalogs:
                return False
            self._catalogs[name] = MemoryCatalog()
            return True

    def drop(self, name: str) -> None:
        """Remove one; see `Catalogs`."""
        with self._mutex:
            if self._catalogs.pop(name, None) is None:
                raise NoCollection(
                    f"expected a collection {name!r}, but there is none: use one of the names that there are"
                )

    def overview(self, name: str) -> CatalogOverview:
        """What a catalog says of its collection; see `Catalogs`."""
        return overview_of(self.open(name))

    def stamp(self, name: str) -> str:
        """The version of it; see `Catalogs`."""
        return self.open(name).version() if self.exists(name) else ""
