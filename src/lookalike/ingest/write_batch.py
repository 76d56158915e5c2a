"""What a transaction of an ingest writes: decided by what the catalog says then, and nothing else is changed.

So it may be run again where another writer was faster; what is counted and noted follows when it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np

from lookalike.catalog.base import Reads, Transaction
from lookalike.core.errors import ImageRefused
from lookalike.core.paths import is_gone
from lookalike.core.records import FileRecord, Metadata, RefusedFile
from lookalike.embedding.files import Embedded, Refused, Taken
from lookalike.images.refusals import RefusalCode
from lookalike.images.walk import FoundFile
from lookalike.parts.kept_bytes import Kept

# What is wrong is not in the bytes: it may be right at the next run although size and time are the same.
_NOT_OF_THE_CONTENT = frozenset(
    {RefusalCode.CHANGED, RefusalCode.VANISHED, RefusalCode.UNREADABLE, RefusalCode.NOT_A_FILE, RefusalCode.NEEDS_EXTRA}
)

Said: TypeAlias = FileRecord | RefusedFile
"""What a catalog knows of a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What is to be written together.

    Attributes:
        taken: files with pictures.
        refused: files without.
        before: what was known of these files when they were about to be read, by path.
        metadata: fields by absolute path.
    """

    taken: Sequence[Taken]
    refused: Sequence[Refused]
    before: Mapping[str, Said]
    metadata: Mapping[str, Metadata]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What became of a batch.

    Attributes:
        batch: without what was outdated.
        outdated: what other runs have said of files meanwhile, which counts.
        files: which files the catalog knew before, by path.
        there: ids of pictures that were there before.
        orphans: ids of pictures that were removed.
        labelled: ids of pictures whose metadata have changed.
        returned: ids of pictures that have got back the metadata that was kept of them.
    """

    batch: Batch
    outdated: Sequence[Said]
    files: Mapping[str, FileRecord]
    there: frozenset[str]
    orphans: Sequence[str]
    labelled: frozenset[str]
    returned: frozenset[str]


class Forgotten(NamedTuple):
    """What became of files that are gone.

    Attributes:
        files: how many had pictures.
        orphans: ids of pictures that were removed with them.
    """

    files: int
    orphans: Sequence[str]


def write_batch(batch: Batch, transaction: Transaction, kept: Kept) -> Written | None:
    """Write a batch; None, and nothing done, where pictures were `lost` since they were looked for.

    All is read before anything is written: once that no longer fits into memory, the catalog cannot be read.

    Args:
        batch: what is to be written.
        transaction: that is under way.
        kept: says which pictures stay although no file holds them.
    """
    if find_lost(batch.taken, transaction):
        return None
    current, outdated, known = _without_outdated(batch, transaction)
    files = [one.file for one in current.taken]
    there = frozenset(transaction.keys([file.image_id for file in files]))
    told_of = _paths_told_of(current)
    vanished = _find_vanished(files, known, transaction)
    left = {known[path].image_id for path in told_of if path in known} - {file.image_id for file in files}
    orphans = _orphans(left, {*told_of, *vanished}, transaction, kept)
    labelled = _put_images(current, transaction)
    transaction.put_files(files)
    transaction.put_refused([_remember(one) for one in current.refused if of_content(one.error)])
    transaction.forget_files(vanished)
    transaction.remove_images(orphans)
    return Written(current, outdated, known, there, orphans, labelled, transaction.returned)


def write_labels(paths: Sequence[str], metadata: Mapping[str, Metadata], transaction: Transaction) -> frozenset[str]:
    """Lay metadata over the pictures of files; ids of those that it has changed."""
    new = labels_to_add(paths, metadata, transaction)
    transaction.merge_metadata(new)
    return frozenset(new)


def write_forgotten(gone: Sequence[Said], transaction: Transaction, kept: Kept) -> Forgotten:
    """Forget files of which nothing else is known meanwhile, and pictures that lie nowhere else."""
    paths = [one.path for one in gone]
    files, refused = transaction.files_at(paths), transaction.refused_at(paths)
    same = [one.path for one in gone if one in (files.get(one.path), refused.get(one.path))]
    holding = [path for path in same if path in files]
    orphans = _orphans({files[path].image_id for path in holding}, set(same), transaction, kept)
    transaction.forget_files(same)
    transaction.remove_images(orphans)
    return Forgotten(len(holding), orphans)


def find_lost(taken: Sequence[Taken], reads: Reads) -> list[Taken]:
    """Files whose pictures were known when they were read, and have been removed since.

    So it is where the last other file of such a picture came to hold another one, as when files are renumbered; or
    where somebody else has removed it.
    """
    unread = [one for one in taken if one.embedded is None]
    there = {one.file.image_id for one in taken if one.embedded is not None}
    there.update(reads.keys(sorted({one.file.image_id for one in unread})))
    return [one for one in unread if one.file.image_id not in there]


def labels_to_add(paths: Iterable[str], metadata: Mapping[str, Metadata], reads: Reads) -> dict[str, Metadata]:
    """By picture, the metadata of these paths, where it is not there yet."""
    wanted: dict[str, Metadata] = {}
    for path, file in reads.files_at(list(paths)).items():
        wanted.setdefault(file.image_id, {}).update(metadata[path])
    images = reads.images(list(wanted))
    return {one: fields for one, fields in wanted.items() if one in images and _adds(fields, images[one].metadata)}


def beginning_of(image_id: str) -> int:
    """The first 60 bits of an id, never 0: enough to tell whether a file holds the same picture as before."""
    return int(image_id[:15], 16) or 1


def of_content(error: ImageRefused) -> bool:
    """Whether a refusal is of the bytes of a file, so that it holds until the file changes."""
    return error.code not in _NOT_OF_THE_CONTENT


def _without_outdated(batch: Batch, reads: Reads) -> tuple[Batch, list[Said], dict[str, FileRecord]]:
    """Leave out what another run has said of the same files meanwhile, where the files are as that one saw them.

    Returns:
        the rest, what was said of the others, and all files that are known, by path.
    """
    paths = [one.file.path for one in batch.taken] + [one.found.path for one in batch.refused]
    files, refused = reads.files_at(paths), reads.refused_at(paths)
    said: dict[str, Said] = {**refused, **files}
    news = {path: one for path, one in said.items() if one != batch.before.get(path) and _is_as_seen(one)}
    late = {one.file.path for one in batch.taken if _is_outdated(one.file, news)}
    late |= {one.found.path for one in batch.refused if _is_outdated(one.found, news, is_refused=True)}
    current = replace(
        batch,
        taken=[one for one in batch.taken if one.file.path not in late],
        refused=[one for one in batch.refused if one.found.path not in late],
    )
    return current, [news[path] for path in paths if path in late], files


def _is_outdated(read: FileRecord | FoundFile, news: Mapping[str, Said], *, is_refused: bool = False) -> bool:
    """Whether another run has said what is so now; then it is counted as that run left it."""
    said = news.get(read.path)
    if said is None:
        return False
    is_same = (said.size_bytes, said.mtime_ns) == (read.size_bytes, read.mtime_ns)
    return not is_same or (is_refused and isinstance(said, FileRecord))


def _is_as_seen(said: Said) -> bool:
    """Whether the file is now as it was when that was said."""
    try:
        status = os.stat(said.path)
    except (OSError, ValueError):
        return False
    return (status.st_size, status.st_mtime_ns) == (said.size_bytes, said.mtime_ns)


def _put_images(batch: Batch, transaction: Transaction) -> frozenset[str]:
    """The ids of pictures whose metadata this has changed."""
    new: dict[str, Embedded] = {one.file.image_id: one.embedded for one in batch.taken if one.embedded is not None}
    for image_id, image in transaction.images(list(new)).items():
        if not image.provisional:  # another has brought it meanwhile
            del new[image_id]
    fields: dict[str, Metadata] = {}
    for one in batch.taken:
        if one.file.path in batch.metadata:
            fields.setdefault(one.file.image_id, {}).update(batch.metadata[one.file.path])
    records = [
        replace(one.record, metadata=fields.pop(image_id)) if image_id in fields else one.record
        for image_id, one in new.items()
    ]
    known = transaction.images(list(fields)) if fields else {}
    changing = {one: laid for one, laid in fields.items() if one not in known or _adds(laid, known[one].metadata)}
    if records:
        transaction.put_images(records, np.stack([one.vector for one in new.values()]))
    if changing:
        transaction.merge_metadata(changing)
    return frozenset(changing).union(record.id for record in records if record.metadata)


def _paths_told_of(batch: Batch) -> set[str]:
    """Files of which it is known now what they hold, a picture or none."""
    return {one.file.path for one in batch.taken} | {one.found.path for one in batch.refused if of_content(one.error)}


def _find_vanished(files: Sequence[FileRecord], known: Mapping[str, FileRecord], reads: Reads) -> list[str]:
    """The old names of files that were renamed."""
    now = {file.path for file in files}
    moved = {file.image_id for file in files if file.path not in known or known[file.path].image_id != file.image_id}
    places = reads.files_of(sorted(moved))
    return [file.path for them in places.values() for file in them if file.path not in now and is_gone(file.path)]


def _orphans(image_ids: set[str], without: set[str], reads: Reads, kept: Kept) -> list[str]:
    """Pictures that lie in none but these files, and whose bytes are not kept."""
    places = reads.files_of(sorted(image_ids))
    return kept.find_lacking(
        [one for one, files in places.items() if all(file.path in without for file in files)], reads
    )


def _remember(refused: Refused) -> RefusedFile:
    found, error = refused.found, refused.error
    return RefusedFile(found.path, found.size_bytes, found.mtime_ns, error.code, str(error))


def _adds(fields: Metadata, to: Metadata) -> bool:
    return any(to.get(name) != value for name, value in fields.items())
