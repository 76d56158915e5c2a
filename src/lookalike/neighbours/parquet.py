"""Vectors from a column of a Parquet file, read piece by piece into one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, StorageFailed, needing

USUAL_COLUMN = "vector"
_ROWS_AT_ONCE = 4096
_SHOWN_COLUMNS = 20


def parquet_library() -> Any:
    """The library that reads and writes Parquet.

    Raises:
        MissingExtra: when it is not installed.
    """
    with needing("pyarrow", extra="parquet", purpose="keeping vectors and neighbours in Parquet"):
        import pyarrow
        import pyarrow.parquet
    return pyarrow


def read_parquet(path: Path, *, column: str | None = None, memory_bytes: int | None = None) -> NDArray[np.generic]:
    """Read the vectors of a Parquet file.

    Args:
        path: of the file.
        column: of lists of numbers, of fixed size or not; None for `vector`, else for the only one of lists.
        memory_bytes: what the array may take; None for any amount.
    Returns:
        shape (N, D), of the column's dtype.
    Raises:
        BadInput: when the file is damaged, has no such column, or the budget is too small.
        BadVectors: when a list or a number is missing; names the row.
        DimensionMismatch: when the lists are not all of one length; names the row.
        MissingExtra: when pyarrow is not installed.
        StorageFailed: when the file cannot be read.
    """
    pa = parquet_library()
    try:
        with pa.parquet.ParquetFile(path) as file:
            name = _column(path, file.schema_arrow, column, pa)
            return _read(path, file, name, memory_bytes, pa)
    except PermissionError as error:
        raise StorageFailed(
            f"{path}: cannot be read: {error.strerror or error}; repair its permissions or its disk"
        ) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInput(
            f"{path}: the Parquet file cannot be read: {why}; save it anew, for example with pandas"
        ) from error


def _column(path: Path, schema: Any, wanted: str | None, pa: Any) -> str:
    lists = [field.name for field in schema if _is_list_of_numbers(field.type, pa)]
    if wanted is None and USUAL_COLUMN in lists:
        return USUAL_COLUMN
    if wanted is None and len(lists) == 1:
        return str(lists[0])
    if wanted in lists:
        return str(wanted)
    shown = ", ".join(f"{field.name} ({field.type})" for field in list(schema)[:_SHOWN_COLUMNS])
    if wanted is None:
        expected = f"a column {USUAL_COLUMN!r} or only one of lists of numbers"
    else:
        expected = f"a column {wanted!r} of lists of numbers"
    raise BadInput(f"{path}: expected {expected}, got the columns {shown or '(none)'}: name one with --column")


def _is_list_of_numbers(kind: Any, pa: Any) -> bool:
    types = pa.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and (types.is_integer(kind.value_type) or types.is_floating(kind.value_type)))


def _read(path: Path, file: Any, column: str, memory_bytes: int | None, pa: Any) -> NDArray[np.generic]:
    N, at = file.metadata.num_rows, file.schema_arrow.get_field_index(column)
    kind = file.schema_arrow.field(at).type
    dtype = np.dtype(kind.value_type.to_pandas_dtype())
    vectors: NDArray[np.generic] | None = None
    start = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[column]):
        lists = batch.column(0)
        lengths = _lengths(path, lists, start)
        if vectors is None:
            vectors = _room_for(path, N, int(lengths[0]) if len(lengths) else 0, dtype, memory_bytes)
        D = vectors.shape[1]
        if (lengths != D).any():
            row = int(np.flatnonzero(lengths != D)[0])
            raise DimensionMismatch(
                f"{path}: expected lists of {D} numbers as in row 0, but row {start + row} has {lengths[row]}"
                "; leave that row out, or pad its list"
            )
        values = lists.flatten().to_numpy(zero_copy_only=False)
        vectors[start : start + len(lists)] = values.reshape(-1, D)
        start += len(lists)
    if vectors is not None:
        return vectors
    return np.empty((0, kind.list_size if pa.types.is_fixed_size_list(kind) else 1), dtype)


def _lengths(path: Path, lists: Any, start: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How long each list is, none being missing and nothing in them."""
    import pyarrow.compute as pc

    if lists.null_count:
        row = int(np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))[0])
        raise BadVectors(
            f"{path}: expected a vector in every row, but row {start + row} has none (null); leave that row out"
        )
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]] = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    values = lists.flatten()
    if values.null_count:
        place = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        row = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
        raise BadVectors(
            f"{path}: expected numbers, but row {start + row} holds a missing one (null)"
            "; fill it, or leave that row out"
        )
    return lengths


def _room_for(path: Path, N: int, D: int, dtype: np.dtype[Any], memory_bytes: int | None) -> NDArray[np.generic]:
    if D == 0:
        raise DimensionMismatch(
            f"{path}: expected vectors of at least one number, but row 0 has none; check what has written it"
        )
    needed = dtype.itemsize * N * D
    if memory_bytes is not None and needed > memory_bytes:
        raise BadInput(
            f"{path}: expected a memory budget of at least {needed} bytes, got {memory_bytes}: give more, "
            "or save the vectors as .npy, which is read where it lies"
        )
    return np.empty((N, D), dtype)
