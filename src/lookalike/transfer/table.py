"""An export as a table for people and their programs: CSV, one row for each picture, without vectors.

Each field of the user's is a column `metadata.NAME`: texts as they are, all other values as JSON, an empty cell where a
picture has no such field. Cells hold what is true, also where a spreadsheet would take it for a formula.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.core.fields import METADATA_PREFIX
from lookalike.core.records import FileRecord, ImageRecord, Json
from lookalike.transfer.rows import Origin, Rows

_COLUMNS = ("id", "path", "files", "width", "height", "size_bytes", "format", "taken_at", "camera", "provisional")
HEADER = (",".join(_COLUMNS)).encode()
"""How each such file begins."""


@contextmanager
def table_writer(part: Path, _origin: Origin) -> Iterator[Callable[[Rows], None]]:
    """Write rows as CSV, in UTF-8.

    Which columns there are is known at the end only: rows are kept in a file until then.
    """
    names: dict[str, None] = {}
    with tempfile.TemporaryFile("w+", encoding="ascii", dir=part.parent) as kept:

        def keep(rows: Rows) -> None:
            for image, files in zip(rows.images, rows.files, strict=True):
                names.update(dict.fromkeys(image.metadata))
                kept.write(json.dumps([_facts(image, files), image.metadata]) + "\n")

        yield keep
        kept.seek(0)
        with part.open("w", encoding="utf-8", errors="replace", newline="") as file:
            table = csv.writer(file)
            table.writerow([*_COLUMNS, *(f"{METADATA_PREFIX}{name}" for name in names)])
            for line in kept:
                facts, metadata = json.loads(line)
                table.writerow([*facts, *(_cell(metadata.get(name)) for name in names)])


def _facts(image: ImageRecord, files: list[FileRecord]) -> list[str]:
    path = os.fsencode(files[0].path).decode("utf-8", "replace") if files else ""
    counts = (len(files), image.width, image.height, image.size_bytes)
    said = (image.format, image.taken_at or "", image.camera or "")
    return [image.id, path, *map(str, counts), *said, "true" if image.provisional else "false"]


def _cell(value: Json) -> str:
    """Nothing for null, as for a field that is not there."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
