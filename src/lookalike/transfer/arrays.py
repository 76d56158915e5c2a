"""The vectors of an export as arrays of NumPy: `.npy` holds them alone, `.npz` with the ids of their pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lookalike.storage.whole_file import beside
from lookalike.transfer.rows import FORMAT, Origin, Rows


@contextmanager
def npy_writer(part: Path, origin: Origin) -> Iterator[Callable[[Rows], None]]:
    """Write the vectors of rows into one array: shape (N, D), float16, in the order of the rows."""
    N = 0
    with part.open("wb") as file:
        _write_header(file, N, origin.dimension)

        def write(rows: Rows) -> None:
            nonlocal N
            N += len(rows.vectors)
            file.write(np.ascontiguousarray(rows.vectors, "<f2").tobytes())

        yield write
        file.seek(0)
        _write_header(file, N, origin.dimension)


@contextmanager
def npz_writer(part: Path, origin: Origin) -> Iterator[Callable[[Rows], None]]:
    """Write `id`, shape (N,), and `vector`, shape (N, D), float16, and of which model the vectors are."""
    ids: list[str] = []
    vectors = beside(part)
    try:
        with npy_writer(vectors, origin) as write_vectors:

            def write(rows: Rows) -> None:
                ids.extend(image.id for image in rows.images)
                write_vectors(rows)

            yield write
        with zipfile.ZipFile(part, "w") as archive:
            for name, text in (("lookalike.format", FORMAT), ("lookalike.model_id", origin.model_id)):
                _write_member(archive, name, np.array(text))
            _write_member(archive, "id", np.array(ids, "<U64"))
            archive.write(vectors, "vector.npy")
    finally:
        vectors.unlink(missing_ok=True)


def _write_header(file: BinaryIO, N: int, D: int) -> None:
    """The same number of bytes for any N: NumPy leaves room for it to grow."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": (N, D)})


def _write_member(archive: zipfile.ZipFile, name: str, array: NDArray[np.str_]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
