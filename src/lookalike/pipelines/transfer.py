"""Export a collection into one file, and import it elsewhere: nothing is embedded twice.

The format is specified in `lookalike.pipelines.transfer_format` and in `docs/reference/export-format.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, BadVectors, CollectionError
from lookalike.core.filters import Filter
from lookalike.core.output_file import OutputKind, Precious, nothing_precious, replacing
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Keys
from lookalike.pipelines.patience import patiently
from lookalike.pipelines.transfer_format import (
    Origin,
    Rows,
    arrow,
    from_arrow,
    imported_columns,
    origin_of,
    schema,
    to_arrow,
)
from lookalike.pipelines.walk import absolute

EXPORT = OutputKind("an export", (".parquet",), (b"lookalike.format",))

_ROWS_AT_ONCE = 1_024

Progress = Callable[[int, int], None]
"""Told how many of how many pictures are done."""


@dataclass(slots=True)
class ImportReport:
    """What an import has done.

    Attributes:
        added: pictures that the collection did not hold.
        updated: pictures that it held and that have other metadata now.
        unchanged: pictures that it held, as they are.
        files: files that it did not know.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    files: int = 0


def export_collection(
    catalog: Catalog,
    path: str | os.PathLike[str],
    *,
    where: Filter | None = None,
    progress: Progress | None = None,
    precious: Precious = nothing_precious,
    force: bool = False,
) -> int:
    """Write pictures with their files, metadata and vectors into one Parquet file, in batches.

    The file appears when it is whole, and replaces an earlier export of that name.

    Args:
        catalog: what is exported.
        path: of the file; ends in `.parquet`.
        where: only pictures that pass, with all of their files; None: all.
        progress: called after each batch.
        precious: what must not be replaced.
        force: replace whatever file is there.
    Returns:
        how many pictures were written.
    Raises:
        CollectionError: when the collection is bound to no model yet.
        BadInput: when `path` ends in something else.
        WouldOverwrite: when something else is there.
        MissingExtra: when pyarrow is not installed.
        StorageFailed: when the file cannot be written; what was there before stays.
    """
    pa = arrow()
    if not catalog.model_id:
        raise CollectionError("the collection has never held a picture: there is nothing to export")
    columns = schema(Origin(catalog.model_id, catalog.dimension))
    chosen = catalog.select(where) if where else None
    total = catalog.facts().images if chosen is None else len(chosen)
    done = 0
    with (
        replacing(path, kind=EXPORT, precious=precious, force=force) as part,
        pa.parquet.ParquetWriter(part, columns, compression="zstd", write_page_checksum=True) as writer,
    ):
        for rows in _batches(catalog, chosen):
            writer.write_batch(to_arrow(rows, columns=columns))
            done += len(rows.images)
            if progress is not None:
                progress(done, max(done, total))
    return done


def import_collection(
    catalog: Catalog, path: str | os.PathLike[str], *, progress: Progress | None = None
) -> ImportReport:
    """Take in what `export_collection` has written. Idempotent; each batch is one transaction.

    A catalog without a model is bound to the file's. Of a picture that is already there, the metadata are laid over and
    new files are added; a path that the catalog knows already, with a picture or as refused, stays as it is there.

    Args:
        catalog: what is imported into.
        path: of the file.
        progress: called after each batch.
    Raises:
        BadInput: when it is no export or is damaged; whole batches before the damage have been taken in.
        WrongModel: when its vectors are of another model than the catalog's.
        MissingExtra: when pyarrow is not installed.
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`.
    """
    report = ImportReport()
    with _reading(Path(absolute(path))) as file:
        origin = origin_of(file.schema_arrow)
        total = file.metadata.num_rows
        catalog.claim_model(origin.model_id, origin.dimension)
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=imported_columns(file.schema_arrow)):
            rows = from_arrow(batch, dimension=origin.dimension)
            patiently(partial(_take_in, catalog, rows, report))
            if progress is not None:
                progress(report.added + report.updated + report.unchanged, total)
    return report


def _batches(catalog: Catalog, chosen: Keys | None) -> Iterator[Rows]:
    for batch in catalog.all_images(batch=_ROWS_AT_ONCE):
        wanted = {key: image for key, image in batch if chosen is None or _is_among(key, chosen)}
        stored = catalog.vectors(list(wanted))  # what was removed in the meantime has none and is left out
        images = [wanted[key] for key in stored.keys.tolist()]
        files = catalog.files_of([image.id for image in images])
        if images:
            yield Rows(images, [files.get(image.id, []) for image in images], stored.vectors)


def _is_among(key: int, chosen: Keys) -> bool:
    at = int(np.searchsorted(chosen, key))
    return at < len(chosen) and int(chosen[at]) == key


class _New(NamedTuple):
    """What a batch adds to the catalog as it stands: positions of pictures, pictures with other metadata, files."""

    pictures: list[int]
    changed: list[ImageRecord]
    files: list[FileRecord]


def _take_in(catalog: Catalog, rows: Rows, report: ImportReport) -> None:
    new = _new(catalog, rows)
    if any(new):
        try:
            with catalog.transaction() as transaction:
                new = _new(catalog, rows)  # others may have brought some of it meanwhile
                transaction.put_images([rows.images[n] for n in new.pictures], rows.vectors[new.pictures])
                transaction.merge_metadata({image.id: image.metadata for image in new.changed})
                transaction.put_files(new.files)
        except BadVectors as error:
            raise BadInput(f"the vectors cannot be used: {error}") from error
    report.added += len(new.pictures)
    report.updated += len(new.changed)
    report.unchanged += len(rows.images) - len(new.pictures) - len(new.changed)
    report.files += len(new.files)


def _new(catalog: Catalog, rows: Rows) -> _New:
    there = catalog.images([image.id for image in rows.images])
    paths = [file.path for files in rows.files for file in files]
    known = catalog.files_at(paths).keys() | catalog.refused_at(paths).keys()
    return _New(
        pictures=[n for n, image in enumerate(rows.images) if image.id not in there],
        changed=[image for image in rows.images if _is_changed(there.get(image.id), image)],
        files=[file for files in rows.files for file in files if file.path not in known],
    )


def _is_changed(known: ImageRecord | None, image: ImageRecord) -> bool:
    return known is not None and {**known.metadata, **image.metadata} != known.metadata


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    pa = arrow()
    try:
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such file") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: not a Parquet file, or a damaged one: {_first_line(error)}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
