"""Export a collection into one file.

The forms are specified in `docs/reference/export-format.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.errors import CollectionError
from lookalike.core.filters import Filter
from lookalike.core.vectors import Keys
from lookalike.storage.output_file import Precious, check_output, is_ours_by_mark, replacing
from lookalike.transfer.forms import EXPORT, form_of
from lookalike.transfer.rows import Origin, Rows

_ROWS_AT_ONCE = 1_024

Progress = Callable[[int, int], None]
"""Told how many of how many pictures are done."""


def export_collection(
    catalog: Catalog,
    path: str | os.PathLike[str],
    *,
    where: Filter | None = None,
    progress: Progress | None = None,
    precious: Precious = is_ours_by_mark,
    force: bool = False,
) -> int:
    """Write pictures into one file, in batches; the end of its name says in which form.

    The file appears when it is whole, and replaces an earlier export of that name.

    Args:
        catalog: what is exported.
        path: of the file; ends as one of `FORMS`.
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
        MissingExtra: when the library of that form is not installed.
        StorageFailed: when the file cannot be written; what was there before stays.
    """
    if not catalog.model_id:
        raise CollectionError(
            "the collection has never held a picture: there is nothing to export"
            "; index pictures first with `lookalike index FOLDER`"
        )
    check_output(path, kind=EXPORT, precious=precious, force=force)
    chosen = catalog.select(where) if where else None
    total = catalog.facts().images if chosen is None else len(chosen)
    done = 0
    with (
        replacing(path, kind=EXPORT, precious=precious, force=force) as part,
        form_of(path).writer(part, Origin(catalog.model_id, catalog.dimension)) as write,
    ):
        for rows in _batches(catalog, chosen):
            write(rows)
            done += len(rows.images)
            if progress is not None:
                progress(done, max(done, total))
    return done


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
