"""What a catalog keeps and tells, and its bounds: the same in every engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import HalfVectors, Keys

MAIN: Final = "main"
"""How the collection's own model is called where models are named; no further model may have this name."""

DAY_S: Final = 86_400

CHANGES_AT_ONCE: Final = 4096

STALE_MARK_S: Final = DAY_S
"""So long after its end, in seconds, a mark of bytes that are being deleted is dropped: its process has died. By more
than that no two clocks differ."""

MOST_FIELDS: Final = 1_000
"""Names of metadata fields that a catalog lists at most."""

PROJECTIONS_KEPT: Final = 4
"""So many versions of a model's projection are kept: those that an index may still be of while the next is made."""


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """Figures about a catalog at one moment.

    Attributes:
        images: pictures in the collection.
        files: files that hold them.
        refused: files that were refused and are remembered.
        forgotten: removed pictures of which metadata is kept.
        size_bytes: on disk, 0 in memory.
        engine: `sqlite`, `memory`.
    """

    images: int
    files: int
    refused: int
    forgotten: int
    size_bytes: int
    engine: str


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Raw vectors as the catalog keeps them.

    Attributes:
        keys: shape (N,), int64, ascending.
        vectors: shape (N, D), float16, row n belongs to `keys[n]`.
    """

    keys: Keys
    vectors: HalfVectors


class KeptPicture(NamedTuple):
    """A picture and where it lies.

    Attributes:
        image: its facts and metadata.
        files: sorted by path, perhaps none.
    """

    image: ImageRecord
    files: Sequence[FileRecord]


@dataclass(frozen=True, slots=True)
class FurtherModel:
    """A model of which a catalog keeps vectors beside those of its own.

    Attributes:
        name: the user's word for it.
        model_id: SHA-256 of its file.
        dimension: D of its vectors.
        count: how many pictures have one.
    """

    name: str
    model_id: str
    dimension: int
    count: int
