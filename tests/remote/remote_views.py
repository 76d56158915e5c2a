"""Views of indexes elsewhere for small collections: one index for each collection, fed early, late or never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookalike.catalog.base import Catalog
from lookalike.index.remote import RemoteIndex
from lookalike.view.applier import Applier
from lookalike.view.feeding import Feeder
from lookalike.view.remote_view import RemoteView
from lookalike.view.wish import Wish


class FedAtFirst(RemoteView):
    """Its index is fed before the first search and after indexing: of what comes later it knows nothing."""

    has_begun = False

    def _follow(self) -> Any:
        if not self.has_begun and self._catalog.model_id:
            self.has_begun = True
            assert self._feeder is not None
            self._feeder.feed()
            self.generation += 1  # that took the lease, which is a commit: what was asked before is asked anew
        return super()._follow()


class RemoteViews:
    """Makes views; a collection in a folder keeps its index.

    Args:
        index: makes an index elsewhere for a collection.
        fed: whether it is fed before somebody asks for that.
        wish: what it is to be.
    """

    def __init__(
        self,
        index: Callable[[], RemoteIndex],
        *,
        fed: bool,
        wish: Wish = Wish(projecting="off"),  # noqa: B008
    ) -> None:
        self._index = index
        self._fed = fed
        self._wish = wish
        self._indexes: dict[Path, RemoteIndex] = {}

    def __call__(self, catalog: Catalog, folder: Path | None) -> RemoteView:
        if folder is not None:  # it has no snapshots to make it for
            folder.mkdir(parents=True, exist_ok=True)
        index = self._index() if folder is None else self._indexes.setdefault(folder, self._index())
        feeder = Feeder(Applier(catalog, index, wish=self._wish, most_at_once=7))
        if not self._fed:
            return RemoteView(catalog, index, wish=self._wish, feeder=feeder, feeds_by_itself=False)
        return FedAtFirst(catalog, index, wish=self._wish, feeder=feeder)
