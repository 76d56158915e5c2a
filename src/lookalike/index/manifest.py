"""What a snapshot says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lookalike.core.errors import SnapshotDamaged
from lookalike.core.records import Cursor, Json, numbered_cursor

VERSION = 3
"""Of the snapshot format."""

NODES_FILE = "nodes.npz"
"""Beside the files of an index of nodes, see `lookalike.index.nodes`: who finds it knows that the index is one."""

_NUMBERED = 2  # where the changes are told by a number and a word for the history


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot says of itself: the content of its `manifest.json`.

    Attributes:
        version: of the snapshot format.
        engine: of the index.
        model_id: whose vectors it holds.
        cursor: it has applied all changes of the catalog up to this place in its feed.
        count: how many vectors it holds.
        dimension: of the vectors in the index (after the projection).
        learnt_from: how many vectors the projection was learnt from; 0 where there is none.
        projected: whether a projection was wanted ("auto") or switched off ("off").
        recall: recall@10 measured when it was made; 1.0 for an exact index.
        wanted: what the owner wanted of the engine: `auto`, `exact` or a factory string.
        parameters: how the engine was made and which operating points it has, for people to read; the engine reads its
            own file.
        files: SHA-256 of each file, by name.
        projection_version: the number of the projection in the catalog; 0 where there is none, and in what 0.1.0 wrote.
        nearness: how near its pictures are to their nearest, see `lookalike.view.nearness`; None where that is
            not known.
    """

    version: int
    engine: str
    model_id: str
    cursor: Cursor
    count: int
    dimension: int
    learnt_from: int
    projected: str
    recall: float
    wanted: str
    parameters: dict[str, Json]
    files: dict[str, str]
    nearness: dict[str, float] | None = None
    projection_version: int = 0


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
    if fields["version"] == _NUMBERED:
        cursor = numbered_cursor(fields.pop("seq"), fields.pop("lineage"))
        fields = {**fields, "cursor": cursor, "version": VERSION}
    if fields["version"] != VERSION:
        raise SnapshotDamaged(f"expected snapshot version {VERSION}, got version {fields['version']}")
    return Manifest(**fields)
