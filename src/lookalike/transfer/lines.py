"""An export as JSON Lines: one object for each picture, in ASCII, so that any file name survives.

Its fields have the names of Parquet's columns, but `metadata` is an object, and `paths` are exact: bytes that are not
UTF-8 stand as lone surrogates, as `os.fsdecode` gives them. Each line begins with `lookalike.format` and
`lookalike.model_id`, so that lines can be picked out and joined. Each number of `vector` is the shortest that is that
float16.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lookalike.catalog.storable import path_bytes
from lookalike.core.errors import BadInput
from lookalike.core.json_values import finite
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import HalfVectors
from lookalike.transfer.rows import (
    FORMAT,
    Exported,
    Origin,
    Rows,
    check_format,
    check_origin,
    files_of_row,
    image_of_row,
)

_LARGEST = 2**63 - 1
_LONGEST_LINE_BYTES = 256 << 20
_TEXTS, _COUNTS = ("id", "format", "lookalike.model_id"), ("width", "height", "size_bytes")
_LISTS = {"paths": str, "sizes": int, "mtimes_ns": int}


@contextmanager
def lines_writer(part: Path, origin: Origin) -> Iterator[Callable[[Rows], None]]:
    """Write rows as JSON Lines."""
    with part.open("w", encoding="ascii") as file:

        def write(rows: Rows) -> None:
            for image, files, vector in zip(rows.images, rows.files, _in_words(rows.vectors), strict=True):
                facts = json.dumps(_object(image, files, origin), allow_nan=False)
                file.write(f'{facts[:-1]}, "vector": [{vector}]}}\n')

        yield write


@contextmanager
def lines_reader(path: Path, *, rows_at_once: int) -> Iterator[Exported]:
    """Read such a file, some lines at a time.

    Raises:
        BadInput: when it is no export or is damaged, with the line.
    """
    with path.open("rb") as file:
        total = _count(file)
        lines = _read(file)
        first = next(lines, None)
        if first is None:
            raise BadInput(
                "expected a file that `lookalike export` has written, but this one is empty; export it again"
            )
        origin = check_origin(first.model_id, len(first.vector))
        yield Exported(origin, total, _batches(chain([first], lines), origin, rows_at_once))


class _Line(NamedTuple):
    """What a line says: of which model, and the picture with its files and its vector."""

    model_id: str
    image: ImageRecord
    files: list[FileRecord]
    vector: list[float]


def _object(image: ImageRecord, files: list[FileRecord], origin: Origin) -> dict[str, Any]:
    return {
        "lookalike.format": FORMAT,
        "lookalike.model_id": origin.model_id,
        "id": image.id,
        "paths": [file.path for file in files],
        "sizes": [file.size_bytes for file in files],
        "mtimes_ns": [file.mtime_ns for file in files],
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size_bytes,
        "format": image.format,
        "taken_at": image.taken_at,
        "camera": image.camera,
        "metadata": image.metadata,
        "provisional": image.provisional,
    }


def _in_words(vectors: HalfVectors) -> Iterator[str]:
    """The numbers of each vector; of equal ones the words are found once, which takes a microsecond each."""
    bits, places = np.unique(np.ascontiguousarray(vectors, np.float16).view(np.uint16), return_inverse=True)
    words: list[str] = bits.view(np.float16).astype(np.str_).tolist()
    for row in places.reshape(vectors.shape):
        yield ", ".join([words[place] for place in row])


def _count(file: BinaryIO) -> int:
    """How many lines hold something; the file stands at its beginning after that."""
    count = sum(1 for _ in _texts(file))
    file.seek(0)
    return count


def _texts(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers from 1; one without end is refused before it fills memory."""
    for number, text in enumerate(iter(lambda: file.readline(_LONGEST_LINE_BYTES), b""), start=1):
        if len(text) == _LONGEST_LINE_BYTES:
            raise BadInput(
                f"line {number}: expected a line of less than {_LONGEST_LINE_BYTES} bytes, got a longer one"
                "; export it again, or split off what does not belong there"
            )
        if not text.isspace():
            yield number, text


def _read(file: BinaryIO) -> Iterator[_Line]:
    for number, text in _texts(file):
        try:
            yield _line(text)
        except BadInput as error:
            raise BadInput(f"line {number}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise BadInput(f"line {number} is not JSON that can be read: {error}; export it again") from error


def _line(text: bytes) -> _Line:
    row = json.loads(text, parse_constant=finite)
    if not isinstance(row, dict) or "lookalike.format" not in row:
        raise BadInput(
            "expected what `lookalike export` has written, but this file is of another origin; index the "
            "pictures themselves, or export from a collection"
        )
    check_format(str(row["lookalike.format"]))
    if fault := _fault(row):
        raise BadInput(f"expected {fault}, got something else; export it again with `lookalike export`")
    known = {**row, "metadata": json.dumps(row["metadata"]), "paths_raw": [path_bytes(path) for path in row["paths"]]}
    return _Line(row["lookalike.model_id"], image_of_row(known), files_of_row(known), row["vector"])


def _fault(row: Mapping[str, Any]) -> str | None:
    """What was expected of a row that is not so."""
    for name in _TEXTS:
        if not isinstance(row.get(name), str):
            return f"{name} to be a text, got {row.get(name)!r:.80}"
    for name in _COUNTS:
        if not _is_whole(row.get(name)):
            return f"{name} to be a whole number, got {row.get(name)!r:.80}"
    for name, kind in _LISTS.items():
        if not _is_list(row.get(name), of=kind):
            return f"{name} to be a list of {'texts' if kind is str else 'whole numbers'}, got {row.get(name)!r:.80}"
    for name in ("taken_at", "camera"):
        if not isinstance(row.get(name), str | None):
            return f"{name} to be a text or null, got {row[name]!r:.80}"
    if not isinstance(row.get("provisional", False), bool):
        return f"provisional to be true or false, got {row['provisional']!r:.80}"
    if not isinstance(row.get("metadata"), dict):
        return f"metadata to be an object, got {row.get('metadata')!r:.80}"
    vector = row.get("vector")
    if not isinstance(vector, list) or not vector or not all(type(number) in (int, float) for number in vector):
        return f"vector to be a list of numbers, got {vector!r:.80}"
    if any(type(number) is int and abs(number) > _LARGEST for number in vector):
        return f"vector to be numbers of at most {_LARGEST:.0e}"
    return None


def _is_list(values: object, *, of: type) -> bool:
    return isinstance(values, list) and all(type(one) is str if of is str else _is_whole(one) for one in values)


def _is_whole(value: object) -> bool:
    return type(value) is int and -_LARGEST <= value <= _LARGEST


def _batches(lines: Iterator[_Line], origin: Origin, rows_at_once: int) -> Iterator[Rows]:
    while some := list(islice(lines, rows_at_once)):
        for line in some:
            if line.model_id != origin.model_id or len(line.vector) != origin.dimension:
                raise BadInput(
                    f"{line.image.id}: expected a vector of the same model as the first, got one of another"
                    "; export one collection a file"
                )
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused where it is stored
            vectors = np.array([line.vector for line in some], np.float64).astype(np.float16)
        yield Rows([line.image for line in some], [line.files for line in some], vectors)
