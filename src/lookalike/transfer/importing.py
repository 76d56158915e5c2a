"""Import what an export has written: nothing is embedded again."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lookalike.catalog.base import Catalog, Reads, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import BadInput, BadVectors, WrongModel
from lookalike.core.json_values import is_same
from lookalike.core.paths import absolute
from lookalike.core.records import FileRecord, ImageRecord, Metadata
from lookalike.transfer.forms import reader_of
from lookalike.transfer.rows import Exported, Origin, Rows, guard_batches

_ROWS_AT_ONCE = 1_024

Progress = Callable[[int, int], None]
"""Told how many of how many pictures are done."""


@dataclass(slots=True)
class ImportReport:
    """What an import has done.

    Attributes:
        added: pictures that the collection did not hold.
        updated: pictures that it held and that have other metadata now.
        unchanged: pictures that it held, as they are. One that stands in the file again is held by then.
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
    A picture of several rows counts as the first of them has it, with the metadata and the files of all.

    Args:
        catalog: what is imported into.
        path: of the file; the end of its name says its form.
        progress: called after each batch with how many rows of how many are done.
    Raises:
        BadInput: when it is no export, of a form that does not hold all, or damaged; whole batches before the damage
            have been taken in.
        WrongModel: when its vectors are of another model than the catalog's.
        MissingExtra: when the library of that form is not installed.
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`.
    """
    report = ImportReport()
    done = 0
    with _reading(Path(absolute(path))) as exported:
        _claim(catalog, exported.origin, path)
        for rows in exported.batches:
            distinct = _each_once(rows)
            _count(report, distinct, _take_in(catalog, distinct))
            done += len(rows.images)
            if progress is not None:
                progress(done, exported.total)
    return report


def origin_of_export(path: str | os.PathLike[str]) -> Origin:
    """Whose vectors an export holds, by its beginning; arguments and errors as of `import_collection`."""
    with _reading(Path(absolute(path))) as exported:
        return exported.origin


def _claim(catalog: Catalog, origin: Origin, path: str | os.PathLike[str]) -> None:
    try:
        catalog.claim_model(origin.model_id, origin.dimension)
    except WrongModel as error:
        raise WrongModel(
            f"expected an export of the collection's model {catalog.model_id[:12]} ({catalog.dimension} wide), but "
            f"{os.fsdecode(path)} is of {origin.model_id[:12]} ({origin.dimension} wide): "
            "import it into a new collection that is opened with that model"
        ) from error


def _each_once(rows: Rows) -> Rows:
    """Rows of which none is of the same picture as another."""
    first: dict[str, int] = {}
    metadata: dict[str, Metadata] = {}
    files: dict[str, list[FileRecord]] = {}
    for n, image in enumerate(rows.images):
        first.setdefault(image.id, n)
        metadata[image.id] = {**metadata.get(image.id, {}), **image.metadata}
        files.setdefault(image.id, []).extend(rows.files[n])
    if len(first) == len(rows.images):
        return rows
    images = [replace(rows.images[n], metadata=metadata[one]) for one, n in first.items()]
    return Rows(images, list(files.values()), rows.vectors[list(first.values())])


class _New(NamedTuple):
    """What a batch adds to the catalog as it stands: positions of pictures, pictures with other metadata, files."""

    pictures: list[int]
    changed: list[ImageRecord]
    files: list[FileRecord]


def _take_in(catalog: Catalog, rows: Rows) -> _New:
    new = _new(catalog, rows)
    if not any(new):
        return new
    try:
        return patiently(partial(in_transaction, catalog, partial(_put, rows)))
    except BadVectors as error:
        raise BadInput(f"the vectors cannot be used: {error}") from error


def _put(rows: Rows, transaction: Transaction) -> _New:
    new = _new(transaction, rows)  # others may have brought some of it meanwhile
    transaction.put_images([rows.images[n] for n in new.pictures], rows.vectors[new.pictures])
    transaction.merge_metadata({image.id: image.metadata for image in new.changed})
    transaction.put_files(new.files)
    return new


def _count(report: ImportReport, rows: Rows, new: _New) -> None:
    report.added += len(new.pictures)
    report.updated += len(new.changed)
    report.unchanged += len(rows.images) - len(new.pictures) - len(new.changed)
    report.files += len(new.files)


def _new(reads: Reads, rows: Rows) -> _New:
    there = reads.images([image.id for image in rows.images])
    files: dict[str, FileRecord] = {}
    for file in (file for some in rows.files for file in some):
        files.setdefault(file.path, file)
    paths = list(files)
    known = reads.files_at(paths).keys() | reads.refused_at(paths).keys()
    return _New(
        pictures=[n for n, image in enumerate(rows.images) if image.id not in there],
        changed=[image for image in rows.images if _is_changed(there.get(image.id), image)],
        files=[file for path, file in files.items() if path not in known],
    )


def _is_changed(known: ImageRecord | None, image: ImageRecord) -> bool:
    if known is None:
        return False
    laid: Metadata = {name: value for name, value in {**known.metadata, **image.metadata}.items() if value is not None}
    return not is_same(laid, known.metadata)


@contextmanager
def _reading(path: Path) -> Iterator[Exported]:
    try:
        with ExitStack() as stack:
            with _readable():
                read = reader_of(path)
                _check_file(path)
                exported = stack.enter_context(read(path, rows_at_once=_ROWS_AT_ONCE))
            yield exported._replace(batches=guard_batches(exported.batches, _readable))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _check_file(path: Path) -> None:
    """Nothing is opened that would keep us waiting, such as a pipe."""
    try:
        status = path.stat()
    except OSError:  # the reader tells it
        return
    except ValueError as error:
        raise BadInput("no file can have that name; correct the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(
            f"expected a file, got {'a folder' if stat.S_ISDIR(status.st_mode) else 'what is none'}"
            "; name the file that `lookalike export` has written"
        )


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BadInput("there is no such file; correct the path") from error
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror or error}; repair its permissions or its disk") from error
