"""A catalog that others overtake, and that watches how flows use it: wrapped around a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, cast

from lookalike.catalog.base import Catalog, Reads, Transaction
from lookalike.core.errors import Overtaken
from lookalike.objects.base import Objects

READS = frozenset(name for name in vars(Reads) if not name.startswith("_"))


class Misuse(AssertionError):
    """A flow has done within a transaction what belongs outside of it."""


class ContestedCatalog:
    """Passes on to a catalog; some of its commits come too late, and nothing of them remains.

    Within a transaction, reads of the catalog itself by the same thread are refused: what is changed has to be read
    through the transaction. Safe to use from many threads.

    Args:
        catalog: that is passed on to.
        overtaken: which of the transactions are, counted from 1.
        before: called before the commit of each, with its number.
    """

    def __init__(
        self, catalog: Catalog, *, overtaken: Collection[int] = (), before: Callable[[int], object] | None = None
    ) -> None:
        self._catalog = catalog
        self._overtaken = overtaken
        self._before = before
        self._of_thread = threading.local()
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        if name in READS and self.is_changing and name not in ("model_id", "dimension"):
            raise Misuse(f"Catalog.{name} was called within a transaction: call it on that")
        return getattr(self._catalog, name)

    @property
    def is_changing(self) -> bool:
        """Whether this thread is within a transaction."""
        return getattr(self._of_thread, "is_changing", False)

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[Transaction]:
        with self._catalog.transaction(wait=wait) as transaction:
            self.begun += 1
            number = self.begun
            self._of_thread.is_changing = True
            try:
                yield transaction
            finally:
                self._of_thread.is_changing = False
            if self._before is not None:
                self._before(number)
            if number in self._overtaken:
                raise Overtaken("another process was first")


class WatchedObjects:
    """Passes on to objects; refuses whatever is called within a transaction of the same thread."""

    def __init__(self, objects: Objects, catalog: ContestedCatalog) -> None:
        self._objects = objects
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        if self._catalog.is_changing:
            raise Misuse(f"Objects.{name} was called within a transaction: call it before or after")
        return getattr(self._objects, name)


def contested(catalog: Catalog, **options: Any) -> Catalog:
    """See `ContestedCatalog`."""
    return cast("Catalog", ContestedCatalog(catalog, **options))
