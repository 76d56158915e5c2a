"""Vectors from outside, for those who only want neighbours: a `.npy` file (memory-mapped), Parquet, or an array."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.core.arrays import as_array, is_array_like
from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, StorageFailed
from lookalike.neighbours.parquet import read_parquet

VectorSource: TypeAlias = "str | os.PathLike[str] | ArrayLike"
"""A file, or an array in memory."""

_NPY, _PARQUET, _ZIP = b"\x93NUMPY", b"PAR1", b"PK\x03\x04"


def open_vectors(
    source: VectorSource, *, name: str, column: str | None = None, memory_bytes: int | None = None
) -> NDArray[np.generic]:
    """Find the vectors that are meant; their values are not looked at yet.

    Args:
        source: a file, known by its first bytes, or an array.
        name: what to call it in errors, where it is an array.
        column: of a Parquet file.
        memory_bytes: what a file that cannot be memory-mapped may take; None for any amount.
    Returns:
        shape (N, D), D at least 1, any real dtype; a memory map of a `.npy` file, whatever its size, and a view of an
        array. Not to be changed.
    Raises:
        BadInput: when the file is not there, or is none that can be read: damaged, cut short, with pickled objects;
            when the budget is too small for it.
        BadVectors: when it does not hold real numbers.
        DimensionMismatch: when it is not of shape (N, D).
        MissingExtra: when it is Parquet and pyarrow is not installed.
        StorageFailed: when it cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        return _check(_as_array(source, name), name)
    path = _path(source)
    start = _first_bytes(path)
    if start.startswith(_PARQUET):
        return _check(read_parquet(path, column=column, memory_bytes=memory_bytes), str(path))
    if start.startswith(_NPY):
        return _check(_map_file(path), str(path))
    raise BadInput(f"{path}: expected a .npy or Parquet file, got {_guess(start)}")


def is_same(one: VectorSource, other: VectorSource) -> bool:
    """Whether both are the same file, or the same array."""
    if isinstance(one, str | os.PathLike) and isinstance(other, str | os.PathLike):
        return _path(one).exists() and _path(other).exists() and os.path.samefile(_path(one), _path(other))
    return one is other


def _path(source: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(os.fsdecode(source)))


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: there is no such file: expected a .npy or Parquet file of vectors; correct the path"
        ) from error
    except IsADirectoryError as error:
        raise BadInput(
            f"{path}: expected a .npy or Parquet file of vectors, got a folder; look inside for the file"
        ) from error
    except ValueError as error:
        raise BadInput(f"{os.fspath(path)!r}: no file can have that name; correct it") from error
    except OSError as error:
        raise StorageFailed(
            f"{path}: cannot be read: {error.strerror or error}; repair its permissions or its disk"
        ) from error


def _guess(start: bytes) -> str:
    if not start:
        return "an empty file; write it again with numpy.save"
    if start.startswith(_ZIP):
        return "an archive; load the .npz, and save the array that is meant with numpy.save"
    return "something else; save vectors with numpy.save"


def _map_file(path: Path) -> NDArray[np.generic]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a header that Python 2 wrote
            mapped: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise StorageFailed(
            f"{path}: cannot be read: {error.strerror or error}; repair its permissions or its disk"
        ) from error
    except Exception as error:  # a damaged header is parsed as Python, which fails in half a dozen ways
        raise BadInput(f"{path}: {_why(str(error))}") from error
    return mapped


def _why(error: str) -> str:
    if "Python objects" in error:
        return (
            "expected numbers, got Python objects, which are not unpickled because that could run anything: "
            "save them with numpy.save(path, array.astype('float32'))"
        )
    if "mmap length" in error or "EOF" in error:
        return "expected a whole file, but it is smaller than its header says; copy or write it again"
    why = (error.splitlines() or ["damaged"])[0][:200]
    return f"the .npy file cannot be read: {why}; write it again with numpy.save"


def _as_array(source: ArrayLike, name: str) -> NDArray[np.generic]:
    try:
        return as_array(source) if is_array_like(source) else np.asarray(source)
    except BadInput as error:
        raise BadVectors(f"{name}: {error}") from error
    except (ValueError, TypeError) as error:
        raise DimensionMismatch(f"{name}: expected vectors of shape (N, D), got what is no array: {error}") from error


def _check(array: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    if array.dtype.names is not None:
        raise BadVectors(
            f"{name}: expected numbers, got records with the fields {', '.join(array.dtype.names)}: "
            "save one array of shape (N, D)"
        )
    if array.dtype.kind not in "fiub":
        raise BadVectors(
            f"{name}: expected real numbers, got an array of dtype {array.dtype}"
            "; convert it first: array.astype('float32')"
        )
    if array.ndim != 2:
        one = array.ndim == 1
        advice = "; use reshape(1, -1) to make one vector of it" if one else "; use reshape(len(array), -1)"
        raise DimensionMismatch(f"{name}: expected vectors of shape (N, D), got {array.shape}{advice}")
    if array.shape[1] == 0:
        raise DimensionMismatch(
            f"{name}: expected vectors of at least one number, got shape {array.shape}; check what has written it"
        )
    return array
