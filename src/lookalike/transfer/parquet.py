"""An export as Parquet: one row for each picture.

    id          string                the SHA-256 of the picture's bytes, 64 lower-case hexadecimal digits
    paths       list<string>          absolute paths of its files, for people: what is not UTF-8 is replaced by U+FFFD
    paths_raw   list<binary>          the same paths as the file system has them: these are imported
    sizes, mtimes_ns  list<int64>     of those files, in bytes and in nanoseconds since 1970
    width, height     int32           in pixels, upright;  size_bytes  int64;  format  string (`jpeg`, `png`, ...)
    taken_at, camera  string or null  from EXIF, as in the catalog
    metadata    string                the user's fields, a JSON object
    provisional bool                  whether the vector is a client's, not compared yet; may be missing: none is
    vector      fixed_size_list<float16>[D]   raw, of the model that the file's metadata name
    file metadata: `lookalike.format` ("1"), `lookalike.model_id`, `lookalike.dimension`, `lookalike.exported_at`

Other columns are passed over when a file is read, and the columns may stand in any order. Not promised: the order of
rows, the sizes of row groups, the compression. The pictures themselves are not in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.core.errors import BadInput, needing
from lookalike.transfer.rows import (
    FORMAT,
    Exported,
    Origin,
    Rows,
    check_format,
    check_origin,
    files_of_row,
    guard_batches,
    image_of_row,
)

_NULLABLE = ("taken_at", "camera")
_NOT_IMPORTED = ("paths",)
_MAY_BE_MISSING = ("provisional",)
"""Not in files of older versions."""


def arrow() -> Any:
    """The library that reads and writes Parquet.

    Raises:
        MissingExtra: when it is not installed.
    """
    with needing("pyarrow", extra="parquet", purpose="exporting and importing"):
        import pyarrow
        import pyarrow.parquet
    return pyarrow


@contextmanager
def parquet_writer(part: Path, origin: Origin) -> Iterator[Callable[[Rows], None]]:
    """Write rows as Parquet, a batch at a time.

    Raises:
        MissingExtra: when pyarrow is not installed.
    """
    pa = arrow()
    columns = schema(origin)
    with pa.parquet.ParquetWriter(part, columns, compression="zstd", write_page_checksum=True) as writer:
        yield lambda rows: writer.write_batch(to_arrow(rows, columns=columns))


@contextmanager
def parquet_reader(path: Path, *, rows_at_once: int) -> Iterator[Exported]:
    """Read an export of Parquet, a batch at a time.

    Raises:
        BadInput: when it is no export or is damaged.
        MissingExtra: when pyarrow is not installed.
    """
    pa = arrow()
    with ExitStack() as stack:
        with _readable(pa):
            file = stack.enter_context(pa.parquet.ParquetFile(path, page_checksum_verification=True))
            origin = origin_of(file.schema_arrow)
            batches = file.iter_batches(rows_at_once, columns=columns_to_import(file.schema_arrow))
            rows = (from_arrow(batch, dimension=origin.dimension) for batch in batches)
            total = file.metadata.num_rows
        yield Exported(origin, total, guard_batches(rows, partial(_readable, pa)))


@contextmanager
def _readable(pa: Any) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(
            f"expected a Parquet file, but it cannot be read as one: {_first_line(error)}; export it again"
        ) from error


def schema(origin: Origin) -> Any:
    """The columns and the file's metadata."""
    pa = arrow()
    about = {
        "lookalike.format": FORMAT,
        "lookalike.model_id": origin.model_id,
        "lookalike.dimension": str(origin.dimension),
        "lookalike.exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return pa.schema(_columns(origin.dimension), metadata=about)


def to_arrow(rows: Rows, *, columns: Any) -> Any:
    """Rows as a record batch of the schema `columns`."""
    pa = arrow()
    raw = [[os.fsencode(file.path) for file in files] for files in rows.files]
    vectors = pa.array(np.ascontiguousarray(rows.vectors, np.float16).reshape(-1))
    values: dict[str, Any] = {
        "id": [image.id for image in rows.images],
        "paths": [[path.decode("utf-8", "replace") for path in paths] for paths in raw],
        "paths_raw": raw,
        "sizes": [[file.size_bytes for file in files] for files in rows.files],
        "mtimes_ns": [[file.mtime_ns for file in files] for files in rows.files],
        "width": [image.width for image in rows.images],
        "height": [image.height for image in rows.images],
        "size_bytes": [image.size_bytes for image in rows.images],
        "format": [image.format for image in rows.images],
        "taken_at": [image.taken_at for image in rows.images],
        "camera": [image.camera for image in rows.images],
        "metadata": [json.dumps(image.metadata) for image in rows.images],
        "provisional": [image.provisional for image in rows.images],
    }
    arrays = [pa.array(values[name], columns.field(name).type) for name in columns.names if name != "vector"]
    arrays.append(pa.FixedSizeListArray.from_arrays(vectors, rows.vectors.shape[1]))
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def origin_of(found: Any) -> Origin:
    """Whose vectors a file holds, by its schema.

    Raises:
        BadInput: when it is no export, or of a newer format.
    """
    about: Mapping[bytes, bytes] = found.metadata or {}
    version, model_id, dimension = (
        about.get(f"lookalike.{name}".encode(), b"").decode("utf-8", "replace")
        for name in ("format", "model_id", "dimension")
    )
    if not version:
        raise BadInput(
            "expected a file that `lookalike export` has written, but this Parquet file is of another "
            "origin; index the pictures themselves, or export from a collection"
        )
    check_format(version)
    if not (dimension.isascii() and dimension.isdigit()):
        raise BadInput(
            f"expected the model's dimension in the file's metadata, got {dimension[:80]!r}; export it again"
        )
    origin = check_origin(model_id, int(dimension[:6]))
    _check_columns(found, origin.dimension)
    return origin


def columns_to_import(found: Any) -> list[str]:
    """The columns that are read back from a file of this schema."""
    return [name for name, _ in _columns(1) if name not in _NOT_IMPORTED and not _is_left_out(name, found)]


def from_arrow(batch: Any, *, dimension: int) -> Rows:
    """Rows of a record batch.

    Raises:
        BadInput: when a value is missing or is not what it should be, with the picture's id where that is one.
    """
    for name in columns_to_import(batch.schema):
        if name not in _NULLABLE and batch.column(name).null_count:
            raise BadInput(f"expected a value in each row of {name}, but some are null; export it again")
    if batch.column("vector").flatten().null_count:
        raise BadInput("expected a number in each place of vector, but some are null; export it again")
    vectors = np.asarray(batch.column("vector").flatten().to_numpy(zero_copy_only=False), np.float16)
    rows = batch.drop_columns(["vector"]).to_pylist()
    images, files = [image_of_row(row) for row in rows], [files_of_row(row) for row in rows]
    return Rows(images, files, vectors.reshape(len(rows), dimension))


def _columns(dimension: int) -> list[tuple[str, Any]]:
    pa = arrow()
    return [
        ("id", pa.string()),
        ("paths", pa.list_(pa.string())),
        ("paths_raw", pa.list_(pa.binary())),
        ("sizes", pa.list_(pa.int64())),
        ("mtimes_ns", pa.list_(pa.int64())),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("size_bytes", pa.int64()),
        ("format", pa.string()),
        ("taken_at", pa.string()),
        ("camera", pa.string()),
        ("metadata", pa.string()),
        ("provisional", pa.bool_()),
        ("vector", pa.list_(pa.float16(), dimension)),
    ]


def _check_columns(found: Any, dimension: int) -> None:
    for name, kind in _columns(dimension):
        if name in _NOT_IMPORTED or _is_left_out(name, found):
            continue
        if found.get_field_index(name) < 0:  # also where there are two of that name
            raise BadInput(f"expected one column {name}, got {', '.join(found.names)[:200]}; export it again")
        if found.field(name).type != kind:
            raise BadInput(f"expected the column {name} to hold {kind}, got {found.field(name).type}; export it again")


def _is_left_out(name: str, found: Any) -> bool:
    return name in _MAY_BE_MISSING and name not in found.names


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
