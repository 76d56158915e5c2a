"""The snapshots of a collection's index: written, and read again where they fit the catalog and the wish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lookalike.catalog.base import Catalog
from lookalike.core.errors import SnapshotDamaged
from lookalike.index.base import Engines
from lookalike.index.manifest import Manifest
from lookalike.index.snapshot import FrozenIndex, Snapshot, alone, discard_snapshots, read_snapshot, write_snapshot
from lookalike.view.index_state import IndexState
from lookalike.view.nearness import Nearness, read_nearness
from lookalike.view.projections import adopt
from lookalike.view.wish import Wish


class SavedIndex(NamedTuple):
    """What a snapshot gives.

    Attributes:
        state: the index as it was saved.
        nearness: of the collection's pictures then; None where that was not known.
    """

    state: IndexState
    nearness: Nearness | None


class Snapshots:
    """The snapshots in one folder. Safe to use from many threads and processes.

    Args:
        catalog: the truth that they are made of.
        folder: where they lie; None where nothing is saved.
        engines: that read the index.
        wish: what the index is to be.
    """

    def __init__(self, catalog: Catalog, folder: Path | None, *, engines: Engines, wish: Wish) -> None:
        self._catalog = catalog
        self._folder = folder
        self._engines = engines
        self._wish = wish

    @property
    def are_kept(self) -> bool:
        """Whether the index is saved at all."""
        return self._folder is not None

    @property
    def is_there(self) -> bool:
        """Whether one may be there to be read."""
        return self._folder is not None and self._folder.exists()

    def read(self) -> SavedIndex:
        """Read the current one.

        Raises:
            SnapshotDamaged: when it is not whole, or belongs to another catalog, model or wish.
        """
        snapshot = read_snapshot(self._keep_folder(), self._engines, check=self._check_fits)
        said = snapshot.manifest.nearness
        state = IndexState(
            index=snapshot.index,
            projection=snapshot.projection,
            tried_with=_count_tried_with(snapshot, self._catalog),
            cursor=snapshot.manifest.cursor,
            saved=0,
            projection_version=snapshot.manifest.projection_version,
            newest_version=snapshot.manifest.projection_version,
        )
        return SavedIndex(adopt(state, self._catalog), None if said is None else read_nearness(said))

    def write(self, state: IndexState, index: FrozenIndex, *, nearness: Nearness | None) -> Manifest:
        """Save a state and make it the current one; see `write_snapshot`.

        Args:
            state: that is saved.
            index: its index, as it was then.
            nearness: of the collection's pictures.
        Raises:
            StorageFailed: when the disk is full or fails; the last snapshot stays.
        """
        return write_snapshot(
            self._keep_folder(),
            index,
            state.projection,
            model_id=self._catalog.model_id,
            cursor=state.cursor,
            projected=self._wish.projecting,
            projection_version=state.projection_version,
            wanted=self._wish.engine,
            nearness=nearness and nearness._asdict(),
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else writes one during the block; see `alone`."""
        with alone(self._keep_folder()):
            yield

    def discard(self) -> None:
        """Delete them all. Idempotent.

        Raises:
            StorageFailed: when the disk does not let it.
        """
        if self._folder is not None:
            discard_snapshots(self._folder)

    def _keep_folder(self) -> Path:
        if self._folder is None:
            raise ValueError("expected an index that is saved in a folder, got one that lives in memory alone")
        return self._folder

    def _check_fits(self, manifest: Manifest) -> None:
        for what, wanted, found in (
            ("model", self._catalog.model_id[:12], manifest.model_id[:12]),
            ("projection", self._wish.projecting, manifest.projected),
            ("engine", self._wish.engine, manifest.wanted),
        ):
            if found != wanted:
                raise SnapshotDamaged(f"it is to be of {what} {wanted!r}, and the one that was saved is of {found!r}")
        if not self._catalog.follows(manifest.cursor):
            raise SnapshotDamaged(
                "it must follow this catalog, but the one that was saved follows another history of it"
            )


def _count_tried_with(snapshot: Snapshot, catalog: Catalog) -> int:
    """From how many pictures its projection was learnt, or could not be; else not long ago."""
    if snapshot.projection is not None:
        return snapshot.projection.learnt_from
    version = snapshot.manifest.projection_version
    stored = catalog.projection(version) if version else None
    return snapshot.manifest.count if stored is None else stored.learnt_from
