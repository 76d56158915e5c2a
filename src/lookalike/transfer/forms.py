"""The forms of an export, by the end of the file's name, and which of them can be imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from lookalike.core.errors import BadInput
from lookalike.storage.output_file import OutputKind
from lookalike.transfer.arrays import npy_writer, npz_writer
from lookalike.transfer.lines import lines_reader, lines_writer
from lookalike.transfer.parquet import parquet_reader, parquet_writer
from lookalike.transfer.rows import Exported, Origin, Rows
from lookalike.transfer.table import HEADER, table_writer


class Reader(Protocol):
    """Reads the rows of a file."""

    def __call__(self, path: Path, *, rows_at_once: int) -> AbstractContextManager[Exported]:
        """Open it; `rows_at_once` is how many come together at most."""
        ...


class Form(NamedTuple):
    """One form.

    Attributes:
        writer: opens a file, and gives what writes rows into it.
        reader: reads it back; None where it does not hold all that a collection needs.
        lacks: what it does not hold, in words; empty where it holds all.
    """

    writer: Callable[[Path, Origin], AbstractContextManager[Callable[[Rows], None]]]
    reader: Reader | None = None
    lacks: str = ""


_LINES = Form(lines_writer, lines_reader)

FORMS = {
    ".parquet": Form(parquet_writer, parquet_reader),
    ".jsonl": _LINES,
    ".ndjson": _LINES,
    ".csv": Form(table_writer, lacks="no vectors"),
    ".npy": Form(npy_writer, lacks="nothing but vectors"),
    ".npz": Form(npz_writer, lacks="nothing but ids and vectors"),
}

EXPORT = OutputKind("an export", tuple(FORMS), (b"lookalike.format", HEADER), unmarked=(".npy",))


def form_of(path: str | os.PathLike[str]) -> Form:
    """The form of a file whose name ends as one of `FORMS`."""
    return FORMS[_suffix_of(path)]


def reader_of(path: Path) -> Reader:
    """What reads a file of that name.

    Raises:
        BadInput: when no form ends so, or that form does not hold all that a collection needs.
    """
    whole = " or ".join(ending for ending, form in FORMS.items() if form.reader is not None)
    form = FORMS.get(_suffix_of(path))
    if form is None:
        raise BadInput(
            f"expected an export that ends in {whole}, got {path.name!r}"
            "; rename it, or export anew with `lookalike export`"
        )
    if form.reader is None:
        raise BadInput(
            f"expected an export that ends in {whole}: a {_suffix_of(path)} file holds {form.lacks}"
            "; export anew to one of those"
        )
    return form.reader


def _suffix_of(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(os.path.expanduser(os.fspath(path)))[1].lower()
