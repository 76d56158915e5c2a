"""Metadata from a table: which row means which picture, and laying it over what is known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from lookalike.catalog.base import Catalog, Reads, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.catalog.storable import path_bytes
from lookalike.core.arguments import checks_arguments
from lookalike.core.errors import BadInput
from lookalike.core.fields import METADATA_PREFIX
from lookalike.core.json_values import is_same
from lookalike.core.paths import absolute
from lookalike.core.records import ImageRecord, Metadata
from lookalike.ingest.metadata_formats import KEY_COLUMNS, read_rows
from lookalike.ingest.metadata_paths import PicturesByPath, files_meant, pictures_without_row

_LONGEST_NAME = 200
_COMMIT_AFTER = 4_096


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """A row of a table.

    Attributes:
        line: where it stands, counted from 1 (in JSON: which item it is).
        id: of the picture, or None.
        path: of one of its files as the table writes it, or None; one of the two is there, and `id` counts first.
        fields: what is said of the picture.
    """

    line: int
    id: str | None
    path: str | None
    fields: Metadata


@dataclass(frozen=True, slots=True)
class MetadataTable:
    """A table as it was read.

    Attributes:
        rows: in the order of the file.
        root: absolute: the folder to which paths are relative.
        by_tail: whether a path that is not found there may also be the end of an indexed path.
    """

    rows: tuple[MetadataRow, ...]
    root: str
    by_tail: bool

    def by_path(self) -> dict[str, Metadata]:
        """Fields by absolute path, for pictures that are yet to be indexed; of several rows the last counts."""
        return {self.absolute(row.path): row.fields for row in self.rows if row.path is not None}

    @checks_arguments()
    def absolute(self, path: str) -> str:
        """A path of the table, absolute."""
        return absolute(os.path.join(self.root, path))


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """A row that was not applied.

    Attributes:
        line: as in `MetadataRow`.
        name: its id or path, as the table writes it.
        reason: one line.
    """

    line: int
    name: str
    reason: str


@dataclass(slots=True)
class MetadataReport:
    """What `apply_metadata` has done.

    Attributes:
        matched: rows whose picture was found.
        changed: pictures whose metadata are others than before.
        unused: rows that were not applied.
        without_row: pictures that no row names: below the folder to which its paths are relative where that was said,
            else of the whole collection.
        without_row_examples: the first few of their paths.
    """

    matched: int = 0
    changed: int = 0
    unused: list[UnusedRow] = field(default_factory=list)
    without_row: int = 0
    without_row_examples: list[str] = field(default_factory=list)


def read_metadata(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> MetadataTable:
    """Read a table of metadata: CSV, TSV, JSON or JSON Lines, see `read_rows`.

    A column `path` or `id` says which picture a row is about; all other columns are fields. A leading `metadata.` in a
    field's name is left out. In JSON, null deletes a field.

    Args:
        path: of the table.
        root: the folder to which its paths are relative. None: the table's own; a path that leads to no indexed file
            from there may also be the end of exactly one picture's indexed path.
    Raises:
        BadInput: when it cannot be read or understood, with the line.
    """
    table = Path(path)
    rows = tuple(_row(table, raw.line, raw.cells) for raw in read_rows(table))
    return MetadataTable(rows, absolute(table.parent if root is None else root), by_tail=root is None)


def apply_metadata(catalog: Catalog, table: MetadataTable) -> MetadataReport:
    """Lay a table over the metadata of the pictures that it names; fields that it does not name stay.

    Rows whose picture is not found, may be one of several, or is said by an earlier row to have other values are
    reported and not applied; the others are. Idempotent: what is already so is not written again.

    Raises:
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`; whole batches may have been applied then.
    """
    report = MetadataReport()
    wanted = _gather(catalog, table, report)
    report.without_row, report.without_row_examples = pictures_without_row(catalog, table, wanted)
    rest = iter(wanted.items())
    while batch := dict(islice(rest, _COMMIT_AFTER)):
        if _changing(catalog, batch):
            report.changed += patiently(partial(in_transaction, catalog, partial(_merge, batch)))
    return report


def _merge(batch: Mapping[str, Metadata], transaction: Transaction) -> int:
    return transaction.merge_metadata(_changing(transaction, batch))


def _changing(reads: Reads, batch: Mapping[str, Metadata]) -> dict[str, Metadata]:
    """Those of a batch that are not so already."""
    images = reads.images(list(batch))
    return {image_id: fields for image_id, fields in batch.items() if _changes(images.get(image_id), fields)}


def _row(table: Path, line: int, cells: Metadata) -> MetadataRow:
    image_id, path = (str(cells[key]) if cells.get(key) else None for key in KEY_COLUMNS)
    if image_id is None and path is None:
        raise BadInput(
            f"{table}: expected a path or an id in each row, but row {line} names neither; fill one of the two columns"
        )
    if path is not None:
        if "\0" in path:
            raise BadInput(f"{table}: row {line}: a path cannot hold a zero byte; correct that row")
        try:
            path_bytes(path)
        except BadInput as error:
            raise BadInput(f"{table}: row {line}: {error}") from error
    fields = {name.removeprefix(METADATA_PREFIX): value for name, value in cells.items() if name not in KEY_COLUMNS}
    for name in fields:
        if not 0 < len(name) <= _LONGEST_NAME:
            raise BadInput(
                f"{table}: row {line}: expected names of 1 to {_LONGEST_NAME} characters, got {name[:80]!r}"
                "; rename the column"
            )
    return MetadataRow(line, image_id.lower() if image_id else None, path, fields)


def _gather(catalog: Catalog, table: MetadataTable, report: MetadataReport) -> dict[str, Metadata]:
    """By id, the fields of all its rows; `report` learns which rows were matched and which not."""
    pictures = PicturesByPath(catalog, table)
    there = _there(catalog, [row.id for row in table.rows if row.id is not None])
    wanted: dict[str, Metadata] = {}
    nowhere: list[MetadataRow] = []
    for row in table.rows:
        found = [row.id] if row.id in there else [] if row.id is not None else pictures.find(row.path or "")
        if len(found) != 1:
            reason = f"it may be one of {len(found)} pictures; write more of the path" if found else "no such picture"
            report.unused.append(UnusedRow(row.line, row.id or row.path or "", reason))
            nowhere += [row] if not found and row.id is None else []
            continue
        fields = wanted.setdefault(found[0], {})
        other = [key for key, value in row.fields.items() if key in fields and not is_same(fields[key], value)]
        if other:
            reason = f"an earlier row says otherwise about the same picture: {', '.join(other)}"
            report.unused.append(UnusedRow(row.line, row.id or row.path or "", reason))
            continue
        fields.update(row.fields)
        report.matched += 1
    _say_what_is_meant(catalog, report, nowhere)
    return wanted


def _there(catalog: Catalog, ids: list[str]) -> set[str]:
    """Those of these ids that pictures have."""
    return {
        one for start in range(0, len(ids), _COMMIT_AFTER) for one in catalog.keys(ids[start : start + _COMMIT_AFTER])
    }


def _say_what_is_meant(catalog: Catalog, report: MetadataReport, nowhere: list[MetadataRow]) -> None:
    """Name the files that rows may mean which lead nowhere as they are written."""
    meant = files_meant(catalog, {row.path or "" for row in nowhere})
    by_line = {row.line: meant[row.path or ""] for row in nowhere if (row.path or "") in meant}
    report.unused = [
        replace(row, reason=f"{row.reason}; did you mean {by_line[row.line]}?") if row.line in by_line else row
        for row in report.unused
    ]


def _changes(image: ImageRecord | None, fields: Metadata) -> bool:
    return image is not None and not all(is_same(image.metadata.get(name), value) for name, value in fields.items())
