"""What a snapshot says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lookalike.core.errors import SnapshotDamaged
from lookalike.core.records import Json

VERSION = 2
"""Of the snapshot format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot says of itself: the content of its `manifest.json`.

    Attributes:
        version: of the snapshot format.
        engine: of the index.
        model_id: whose vectors it holds.
        seq: it has applied all changes of the catalog up to this number.
        lineage: what the catalog called its history up to there; see `Catalog.lineage`.
        count: how many vectors it holds.
        dimension: of the vectors in the index (after the projection).
        learnt_from: how many vectors the projection was learnt from; 0 where there is none.
        projected: whether a projection was wanted ("auto") or switched off ("off").
        recall: recall@10 measured when it was made; 1.0 for an exact index.
        wanted: what the owner wanted of the engine: `auto`, `exact` or a factory string.
        parameters: how the engine was made and which operating points it has, for people to read; the engine reads its
            own file.
        files: SHA-256 of each file, by name.
        nearness: how near its pictures are to their nearest, see `lookalike.view.nearness`; None where that is
            not known.
    """

    version: int
    engine: str
    model_id: str
    seq: int
    lineage: str
    count: int
    dimension: int
    learnt_from: int
    projected: str
    recall: float
    wanted: str
    parameters: dict[str, Json]
    files: dict[str, str]
    nearness: dict[str, float] | None = None


def manifest_bytes(manifest: Manifest) -> bytes:
    """The content of the file."""
    return json.dumps(asdict(manifest), indent=1).encode()


def read_manifest(content: bytes) -> Manifest:
    """Understand the content of the file, which was hashed before.

    Raises:
        SnapshotDamaged: when it is of another version of the format.
        ValueError, TypeError, KeyError: when it is no manifest.
    """
    fields = json.loads(content)
    if fields["version"] != VERSION:
        raise SnapshotDamaged(f"expected snapshot version {VERSION}, got version {fields['version']}")
    return Manifest(**fields)
