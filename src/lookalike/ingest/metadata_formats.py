"""Tables of metadata as files: CSV, TSV, JSON and JSON Lines become numbered rows."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.core.errors import BadInput
from lookalike.core.json_values import finite
from lookalike.core.records import Metadata

MOST_BYTES = 200_000_000
KEY_COLUMNS = ("id", "path")


class RawRow(NamedTuple):
    """One row: where it stands in the file (lines from 1; in JSON, items from 1), and its cells by column."""

    line: int
    cells: Metadata


def read_rows(path: Path) -> list[RawRow]:
    """Read a table; its format is told by the end of its name.

    Values stay texts in `.csv` and `.tsv`, where an empty cell is left out, and keep their types in `.json` (a list of
    objects) and `.jsonl` or `.ndjson` (an object on each line). A `.csv` may be separated by commas, semicolons or
    tabs. The encoding is UTF-8, or UTF-16 with a byte order mark.

    Raises:
        BadInput: when the file cannot be read, is larger than 200 MB or is not such a table; with the line.
    """
    parse = _FORMATS.get(path.suffix.lower())
    if parse is None:
        raise BadInput(
            f"{path}: expected a table that ends in {', '.join(_FORMATS)}, got {path.suffix or 'no ending'!r}"
            "; save it as one of those"
        )
    try:
        text = _decode(_content(path))
        return list(parse(text))
    except (ValueError, RecursionError, csv.Error) as error:
        raise BadInput(
            f"{path}: the table cannot be read as {path.suffix}: {error}; correct that place, or save it anew"
        ) from error


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"{path}: the table cannot be read: {error.strerror or error}; correct the path, or repair its permissions"
        ) from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"expected a table of at most {MOST_BYTES} bytes; split it")
    return content


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} is not {encoding.removesuffix('-sig').upper()}; save the table as UTF-8"
        ) from error


def _from_csv(text: str) -> Iterator[RawRow]:
    header = text.partition("\n")[0]
    return _separate(text, delimiter=max(",;\t", key=header.count))


def _from_tsv(text: str) -> Iterator[RawRow]:
    return _separate(text, delimiter="\t")


def _separate(text: str, *, delimiter: str) -> Iterator[RawRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = _check_names([name.strip() for name in next(reader, [])])
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"line {line}: {error}") from error
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(names):
            raise ValueError(
                f"line {line}: expected {len(names)} cells, got {len(cells)}; quote cells with {delimiter!r}"
            )
        yield RawRow(line, {name: cell for name, cell in zip(names, cells, strict=True) if cell})


def _check_names(names: list[str]) -> list[str]:
    if not any(key in names for key in KEY_COLUMNS):
        raise ValueError(f"expected a first line that names a column 'path' or 'id', got {', '.join(names)[:200]!r}")
    if "" in names or len(set(names)) < len(names):
        raise ValueError(f"expected a name of its own for each column, got {', '.join(map(repr, names))[:200]}")
    return names


def _from_json(text: str) -> Iterator[RawRow]:
    rows = _json(text)
    if not isinstance(rows, list):
        raise ValueError('expected a list of objects, as in [{"path": "a.jpg", "label": "cat"}]')  # noqa: TRY004
    for number, row in enumerate(rows, start=1):
        yield RawRow(number, _object(row, number))


def _from_json_lines(text: str) -> Iterator[RawRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = _json(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error.msg} at column {error.colno}") from error
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            yield RawRow(number, _object(row, number))


def _object(row: object, number: int) -> Metadata:
    if not isinstance(row, dict) or not any(key in row for key in KEY_COLUMNS):
        raise ValueError(f"row {number}: expected an object with a field 'path' or 'id', got {row!r:.100}")
    if not all(isinstance(row.get(key), str | None) for key in KEY_COLUMNS):
        raise ValueError(f"row {number}: expected 'path' and 'id' to be texts, got {row!r:.100}")
    return row


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=finite, parse_float=finite)


_FORMATS: dict[str, Callable[[str], Iterator[RawRow]]] = {
    ".csv": _from_csv,
    ".tsv": _from_tsv,
    ".json": _from_json,
    ".jsonl": _from_json_lines,
    ".ndjson": _from_json_lines,
}
