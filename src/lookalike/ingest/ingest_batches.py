"""The writing half of an ingest: results in, transactions out, counts kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np

from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import patiently
from lookalike.core.errors import ImageRefused
from lookalike.core.records import FileRecord, Metadata, RefusedFile
from lookalike.embedding.files import Embedded, FileEmbedder, Refused, Taken
from lookalike.images.refusals import RefusalCode
from lookalike.images.walk import FoundFile, is_gone
from lookalike.ingest.ingest_report import Failure, IngestReport
from lookalike.objects.base import Objects

# What is wrong is not in the bytes: it may be right at the next run although size and time are the same.
_NOT_OF_THE_CONTENT = frozenset(
    {RefusalCode.CHANGED, RefusalCode.VANISHED, RefusalCode.UNREADABLE, RefusalCode.NOT_A_FILE, RefusalCode.NEEDS_EXTRA}
)

_PATHS_AT_ONCE = 4_096


class BatchWriter:
    """Collects results and commits them together, beside others that write.

    Args:
        catalog: where they go.
        objects: holds pictures that stay although no file holds them.
        files: is told what was committed.
        known: files that the catalog holds, by path, when the results are begun to be made; kept up to date.
        refused: files that it remembers as refused, likewise.
        metadata: fields by absolute path.
        report: is counted up.
    """

    def __init__(
        self,
        catalog: Catalog,
        objects: Objects,
        files: FileEmbedder,
        *,
        known: dict[str, FileRecord],
        refused: dict[str, RefusedFile],
        metadata: Mapping[str, Metadata],
        report: IngestReport,
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._files = files
        self._known = known
        self._known_refused = refused
        self._metadata = metadata
        self._report = report
        self._taken: list[Taken] = []
        self._refused: list[Refused] = []
        self._added: set[str] = set()
        self._labelled: set[str] = set()

    @property
    def pending(self) -> int:
        """Results that are not committed yet."""
        return len(self._taken) + len(self._refused)

    def add(self, result: Taken | Refused) -> None:
        """Take a result in, for the next commit."""
        if isinstance(result, Taken):
            self._taken.append(result)
        else:
            self._refused.append(result)

    def commit(self) -> Sequence[FileRecord]:
        """Make what was added durable.

        Returns:
            the files that are acknowledged by this.
        """
        while self.pending:
            self._read_lost_ones_again()
            durable = patiently(self._commit)
            if durable is not None:
                return durable
        return []

    def label(self, paths: Iterable[str]) -> None:
        """Lay metadata over the pictures of files that were not read."""
        wanted = iter([path for path in paths if path in self._metadata])
        while some := list(islice(wanted, _PATHS_AT_ONCE)):
            if self._adding(some, self._known):
                patiently(partial(self._label, some))

    def forget(self, paths: Sequence[str]) -> None:
        """Forget files that are gone, and pictures that lie nowhere else; not those that have come back meanwhile."""
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            patiently(partial(self._forget, [path for path in paths[start : start + _PATHS_AT_ONCE] if is_gone(path)]))

    def _commit(self) -> Sequence[FileRecord] | None:
        """One transaction; None, and nothing done, where pictures were lost since `_read_lost_ones_again`.

        All is read before anything is written: once that no longer fits into memory, the catalog cannot be read.
        """
        with self._catalog.transaction() as transaction:
            if self._lost():
                return None
            self._drop_outdated()
            files = [result.file for result in self._taken]
            there = set(self._catalog.keys([file.image_id for file in files]))
            left = self._left(files)
            vanished = self._vanished(files)
            orphans = self._orphans(left, without={*self._paths_told_of(), *vanished})
            self._put_images(transaction)
            transaction.put_files(files)
            transaction.put_refused([_remembered(result) for result in self._refused if _of_content(result.error)])
            transaction.forget_files(vanished)
            transaction.remove_images(orphans)
            returned = transaction.returned
        self._report.labels_returned += len(returned)
        self._files.committed({file.image_id for file in files})
        self._files.removed(orphans)
        self._count(there)
        for path in (*vanished, *self._paths_told_of()):
            self._known.pop(path, None)
        self._known.update({file.path: file for file in files})
        self._taken, self._refused = [], []
        return files

    def _label(self, paths: Sequence[str]) -> None:
        with self._catalog.transaction() as transaction:
            new = self._adding(paths, self._catalog.files_at(paths))
            transaction.merge_metadata(new)
        self._count_labelled(new)

    def _adding(self, paths: Sequence[str], files: Mapping[str, FileRecord]) -> dict[str, Metadata]:
        """By picture, the metadata of these paths, where it is not there yet."""
        wanted: dict[str, Metadata] = {}
        for path in paths:
            if path in files:
                wanted.setdefault(files[path].image_id, {}).update(self._metadata[path])
        images = self._catalog.images(list(wanted))
        return {one: fields for one, fields in wanted.items() if one in images and _adds(fields, images[one].metadata)}

    def _forget(self, paths: Sequence[str]) -> None:
        with self._catalog.transaction() as transaction:
            files, refused = self._catalog.files_at(paths), self._catalog.refused_at(paths)
            gone = [
                path
                for path in paths
                if files.get(path) == self._known.get(path) and refused.get(path) == self._known_refused.get(path)
            ]
            orphans = self._orphans({files[path].image_id for path in gone if path in files}, without=set(gone))
            transaction.forget_files(gone)
            transaction.remove_images(orphans)
        self._files.removed(orphans)
        self._report.removed += sum(self._known.pop(path, None) is not None for path in gone)

    def _put_images(self, transaction: Transaction) -> None:
        new: dict[str, Embedded] = {one.file.image_id: one.embedded for one in self._taken if one.embedded is not None}
        for image_id, image in self._catalog.images(list(new)).items():
            if not image.provisional:  # another has brought it meanwhile
                del new[image_id]
        fields: dict[str, Metadata] = {}
        for one in self._taken:
            if one.file.path in self._metadata:
                fields.setdefault(one.file.image_id, {}).update(self._metadata[one.file.path])
        records = [
            replace(one.record, metadata=fields.pop(image_id)) if image_id in fields else one.record
            for image_id, one in new.items()
        ]
        known = self._catalog.images(list(fields)) if fields else {}
        changing = {one: laid for one, laid in fields.items() if one not in known or _adds(laid, known[one].metadata)}
        if records:
            transaction.put_images(records, np.stack([one.vector for one in new.values()]))
            self._count_labelled(record.id for record in records if record.metadata)
        if changing:
            transaction.merge_metadata(changing)
            self._count_labelled(changing)

    def _count_labelled(self, image_ids: Iterable[str]) -> None:
        self._labelled.update(image_ids)
        self._report.labelled = len(self._labelled)

    def _lost(self) -> list[Taken]:
        """Files whose pictures were known when they were read, and have been removed since.

        So it is where the last other file of such a picture came to hold another one, as when files are renumbered; or
        where somebody else has removed it.
        """
        unread = [one for one in self._taken if one.embedded is None]
        there = {one.file.image_id for one in self._taken if one.embedded is not None}
        there.update(self._catalog.keys(sorted({one.file.image_id for one in unread})))
        return [one for one in unread if one.file.image_id not in there]

    def _read_lost_ones_again(self) -> None:
        while lost := self._lost():
            self._files.removed({one.file.image_id for one in lost})
            paths = {one.file.path for one in lost}
            self._taken = [one for one in self._taken if one.file.path not in paths]
            again = [FoundFile(one.file.path, one.file.size_bytes, one.file.mtime_ns) for one in lost]
            for result in self._files.take(again):
                self.add(result)

    def _drop_outdated(self) -> None:
        """Leave out what another run has said of the same files meanwhile, where the files are as that one saw them.

        What is known of the files is brought up to date by the way. Within a transaction, so that it stays so.
        """
        paths = [one.file.path for one in self._taken] + [one.found.path for one in self._refused]
        files, refused = self._catalog.files_at(paths), self._catalog.refused_at(paths)
        said: dict[str, FileRecord | RefusedFile] = {**refused, **files}
        news = {path: one for path, one in said.items() if one != self._said_before(path) and _is_as_seen(one)}
        for path in paths:
            self._known.pop(path, None)
            self._known_refused.pop(path, None)
        self._known.update(files)
        self._known_refused.update(refused)
        self._taken = [one for one in self._taken if not self._is_outdated(one.file, news)]
        self._refused = [one for one in self._refused if not self._is_outdated(one.found, news, is_refused=True)]

    def _said_before(self, path: str) -> FileRecord | RefusedFile | None:
        return self._known.get(path) or self._known_refused.get(path)

    def _is_outdated(
        self,
        read: FileRecord | FoundFile,
        news: Mapping[str, FileRecord | RefusedFile],
        *,
        is_refused: bool = False,
    ) -> bool:
        """Whether another run has said what is so now; then it is counted as that run left it."""
        said = news.get(read.path)
        if said is None:
            return False
        is_same = (said.size_bytes, said.mtime_ns) == (read.size_bytes, read.mtime_ns)
        if is_same and not (is_refused and isinstance(said, FileRecord)):
            return False
        if isinstance(said, FileRecord):
            self._report.unchanged += 1
        else:
            self._report.failed.append(Failure(said.path, said.reason, said.code))
        return True

    def _paths_told_of(self) -> set[str]:
        """Files of which it is known now what they hold, a picture or none."""
        return {one.file.path for one in self._taken} | {
            one.found.path for one in self._refused if _of_content(one.error)
        }

    def _left(self, files: Sequence[FileRecord]) -> set[str]:
        """Pictures that lay in files which hold something else now."""
        now = {file.path: file.image_id for file in files}
        before = {self._known[path].image_id for path in self._paths_told_of() if path in self._known}
        return before - set(now.values())

    def _vanished(self, files: Sequence[FileRecord]) -> list[str]:
        """The old names of files that were renamed."""
        now = {file.path for file in files}
        moved = {
            file.image_id
            for file in files
            if file.path not in self._known or self._known[file.path].image_id != file.image_id
        }
        places = self._catalog.files_of(sorted(moved))
        return [file.path for them in places.values() for file in them if file.path not in now and is_gone(file.path)]

    def _orphans(self, image_ids: set[str], *, without: set[str]) -> list[str]:
        """Pictures that lie in none but these files."""
        places = self._catalog.files_of(sorted(image_ids))
        return [
            image_id
            for image_id, files in places.items()
            if all(file.path in without for file in files) and not self._objects.has(image_id)
        ]

    def _count(self, there: set[str]) -> None:  # there: pictures that the catalog held before
        for one in self._taken:
            image_id, before = one.file.image_id, self._known.get(one.file.path)
            if before is not None and before.image_id == image_id:
                self._report.unchanged += 1
            elif before is not None:
                self._report.updated += 1
            elif image_id not in there and image_id not in self._added:
                self._report.added += 1
            else:
                self._report.recognised += 1
            self._added.add(image_id)
            if one.embedded is not None and one.embedded.lacks_its_end:
                self._report.cut_short.append(one.file.path)
        for refused in self._refused:
            self._report.failed.append(Failure(refused.found.path, str(refused.error), refused.error.code))
            self._report.removed += _of_content(refused.error) and refused.found.path in self._known


def _is_as_seen(said: FileRecord | RefusedFile) -> bool:
    """Whether the file is now as it was when that was said."""
    try:
        status = os.stat(said.path)
    except (OSError, ValueError):
        return False
    return (status.st_size, status.st_mtime_ns) == (said.size_bytes, said.mtime_ns)


def _of_content(error: ImageRefused) -> bool:
    return error.code not in _NOT_OF_THE_CONTENT


def _remembered(refused: Refused) -> RefusedFile:
    found, error = refused.found, refused.error
    return RefusedFile(found.path, found.size_bytes, found.mtime_ns, error.code, str(error))


def _adds(fields: Metadata, to: Metadata) -> bool:
    return any(to.get(name) != value for name, value in fields.items())
