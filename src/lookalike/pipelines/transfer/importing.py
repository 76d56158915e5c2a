"""Import what an export has written: nothing is embedded again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, BadVectors
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.pipelines.patience import patiently
from lookalike.pipelines.transfer.forms import reader_of
from lookalike.pipelines.transfer.rows import Exported, Rows
from lookalike.pipelines.walk import absolute

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


def import_collection(
    catalog: Catalog, path: str | os.PathLike[str], *, progress: Progress | None = None
) -> ImportReport:
    """Take in what `export_collection` has written. Idempotent; each batch is one transaction.

    A catalog without a model is bound to the file's. Of a picture that is already there, the metadata are laid over and
    new files are added; a path that the catalog knows already, with a picture or as refused, stays as it is there.

    Args:
        catalog: what is imported into.
        path: of the file; the end of its name says its form.
        progress: called after each batch.
    Raises:
        BadInput: when it is no export, of a form that does not hold all, or damaged; whole batches before the damage
            have been taken in.
        WrongModel: when its vectors are of another model than the catalog's.
        MissingExtra: when the library of that form is not installed.
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`.
    """
    report = ImportReport()
    with _reading(Path(absolute(path))) as exported:
        catalog.claim_model(exported.origin.model_id, exported.origin.dimension)
        for rows in exported.batches:
            patiently(partial(_take_in, catalog, rows, report))
            if progress is not None:
                progress(report.added + report.updated + report.unchanged, exported.total)
    return report


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
def _reading(path: Path) -> Iterator[Exported]:
    try:
        with reader_of(path)(path, rows_at_once=_ROWS_AT_ONCE) as exported:
            yield exported
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
