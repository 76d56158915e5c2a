"""What an export holds, whatever its form: rows of pictures, each with its files and its vector.

A row is a mapping: `id`, `width`, `height`, `size_bytes`, `format`, `taken_at`, `camera`, `metadata` (a JSON object as
text), `provisional`, and of its files `paths_raw` (bytes), `sizes` and `mtimes_ns`; `docs/reference/export-format.md`
specifies them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from lookalike.core.errors import BadInput
from lookalike.core.installing import upgrade_advice
from lookalike.core.json_values import finite
from lookalike.core.records import FileRecord, ImageRecord, Json, Metadata
from lookalike.core.vectors import HalfVectors

FORMAT = "1"
_SHA256 = re.compile("[0-9a-f]{64}")
_LONGEST_MODEL_ID = 256
_LONGEST_SIDE = 2**31 - 1  # as Parquet's columns hold it
_MOST_DIMENSIONS = 99_999


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of an export, N of them.

    Attributes:
        images: the pictures.
        files: of each picture, perhaps none.
        vectors: shape (N, D), float16.
    """

    images: list[ImageRecord]
    files: list[list[FileRecord]]
    vectors: HalfVectors


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose vectors a file holds."""

    model_id: str
    dimension: int


class Exported(NamedTuple):
    """An export that is being read.

    Attributes:
        origin: whose vectors it holds.
        total: how many rows.
        batches: those, some at a time.
    """

    origin: Origin
    total: int
    batches: Iterator[Rows]


def check_origin(model_id: str, dimension: int) -> Origin:
    """Whose vectors they are, before a collection is bound to that.

    Raises:
        BadInput: when no model can be so.
    """
    is_id = 0 < len(model_id) <= _LONGEST_MODEL_ID and model_id.isprintable()
    if not (is_id and 0 < dimension <= _MOST_DIMENSIONS):
        raise BadInput(f"expected the model's id and dimension, got {model_id[:80]!r} and {dimension}; export it again")
    return Origin(model_id, dimension)


def guard_batches(batches: Iterator[Rows], guard: Callable[[], AbstractContextManager[None]]) -> Iterator[Rows]:
    """Each batch, read within a context that tells what goes wrong; what is done with it then is outside."""
    while True:
        with guard():
            rows = next(batches, None)
        if rows is None:
            return
        yield rows


def check_format(version: str) -> None:
    """Refuse what a later Lookalike has written.

    Raises:
        BadInput: when it is another format than ours.
    """
    if version != FORMAT:
        raise BadInput(f"expected an export of format {FORMAT}, got {version[:20]!r}: {upgrade_advice()}")


def image_of_row(row: Mapping[str, Any]) -> ImageRecord:
    """The picture of a row.

    Args:
        row: values by the names of columns, of the types that those have; `metadata` as text.
    Raises:
        BadInput: when a value is not what it should be.
    """
    if not _SHA256.fullmatch(row["id"]):
        raise BadInput(f"expected an id of 64 lower-case hexadecimal digits, got {row['id'][:80]!r}; export it again")
    if not all(1 <= row[side] <= _LONGEST_SIDE for side in ("width", "height")):
        raise BadInput(
            f"{row['id']}: expected a size of at least 1 x 1 and sides of at most {_LONGEST_SIDE}, "
            f"got {row['width']} x {row['height']}"
            "; remove that picture, or export it again"
        )
    if row["size_bytes"] < 0:
        raise BadInput(f"{row['id']}: expected size_bytes of at least 0, got {row['size_bytes']}; export it again")
    return ImageRecord(
        id=row["id"],
        width=row["width"],
        height=row["height"],
        format=row["format"],
        size_bytes=row["size_bytes"],
        taken_at=row["taken_at"],
        camera=row["camera"],
        metadata=_metadata(row),
        provisional=row.get("provisional", False),
    )


def _metadata(row: Mapping[str, Any]) -> Metadata:
    try:
        metadata: Json = json.loads(row["metadata"], parse_constant=finite, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{row['id']}: the metadata is not JSON: {error}; export it again") from error
    if not isinstance(metadata, dict):
        raise BadInput(
            f"{row['id']}: expected metadata to be a JSON object, got {row['metadata'][:80]!r}; export it again"
        )
    return metadata


def files_of_row(row: Mapping[str, Any]) -> list[FileRecord]:
    """The files of a row: `paths_raw`, `sizes` and `mtimes_ns` beside each other.

    Raises:
        BadInput: when a value is not what it should be.
    """
    paths, sizes, times = (_whole(row, name) for name in ("paths_raw", "sizes", "mtimes_ns"))
    if not len(paths) == len(sizes) == len(times):
        raise BadInput(
            f"{row['id']}: expected as many sizes and times as paths, got {len(sizes)} and {len(times)} for "
            f"{len(paths)}; export it again"
        )
    for path in paths:
        if not path.startswith(b"/") or b"\0" in path:
            raise BadInput(f"{row['id']}: expected absolute paths, got {path[:80]!r}; export it again")
    return [
        FileRecord(os.fsdecode(path), row["id"], size_bytes, mtime_ns)
        for path, size_bytes, mtime_ns in zip(paths, sizes, times, strict=True)
    ]


def _whole(row: Mapping[str, Any], name: str) -> Sequence[Any]:
    values: Sequence[Any] = row[name]
    if None in values:
        raise BadInput(f"{row['id']}: expected values in {name}, but some are null; export it again")
    return values
