"""What is examined: each part by itself, so that one that cannot be opened hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.embedding.base import Embedder
from lookalike.index.base import Engines
from lookalike.index.remote import RemoteIndex
from lookalike.objects.base import Objects
from lookalike.objects.uploads import DirectUploads
from lookalike.view.wish import Wish


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where the model's file is expected.

    Attributes:
        path: of the file.
        expected_id: SHA-256 that it must have; None for a model of the user's own, which need only be the catalog's.
    """

    path: Path
    expected_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """The parts of a collection, perhaps not openable. An error of ours that a function raises becomes a finding.

    Attributes:
        folder: the collection's own; None in memory.
        open_catalog: the catalog; called by each check that needs it, gives the same one each time, or raises.
        objects: bytes of pictures that were added without a file.
        uploads: bytes that clients have brought; None where there can be none.
        is_awaited: whether an upload is still under way, by its id; None where that is not known.
        open_embedder: opens the model of the collection, making its file where that is missing or damaged.
        models: folder of the models that are kept beside the collection; None in memory.
        model: where its file is expected; None where it is not a file.
        snapshots: folder of the index; None where it lives in memory, or elsewhere.
        open_index: the index in a vector database; None where it is in each process.
        engines: of indexes.
        wish: as the view is told.
        lock_holder: who is writing at this moment, in words; None where nobody is.
    """

    folder: Path | None
    open_catalog: Callable[[], Catalog]
    objects: Objects
    uploads: DirectUploads | None = None
    is_awaited: Callable[[str], bool | None] = lambda _: None
    open_embedder: Callable[[], Embedder]
    model: ModelPlace | None
    models: Path | None = None
    snapshots: Path | None
    engines: Engines
    wish: Wish
    lock_holder: Callable[[], str | None]
    open_index: Callable[[], RemoteIndex] | None = None
