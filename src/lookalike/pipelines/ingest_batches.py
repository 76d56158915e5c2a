"""The writing half of an ingest: results in, transactions out, counts kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import Catalog, Transaction
from lookalike.core.errors import ImageRefused
from lookalike.core.records import FileRecord, Metadata, RefusedFile
from lookalike.images.refusals import RefusalCode
from lookalike.objects.base import Objects
from lookalike.pipelines.embed_files import Embedded, FileEmbedder, Refused, Taken
from lookalike.pipelines.ingest_report import Failure, IngestReport
from lookalike.pipelines.walk import FoundFile, is_gone

# What is wrong is not in the bytes: it may be right at the next run although size and time are the same.
_NOT_OF_THE_CONTENT = frozenset(
    {RefusalCode.CHANGED, RefusalCode.VANISHED, RefusalCode.UNREADABLE, RefusalCode.NOT_A_FILE, RefusalCode.NEEDS_EXTRA}
)


class BatchWriter:
    """Collects results and commits them together.

    Args:
        catalog: where they go.
        objects: holds pictures that stay although no file holds them.
        files: is told what was committed.
        known: files that the catalog holds, by path; kept up to date.
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
        metadata: Mapping[str, Metadata],
        report: IngestReport,
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._files = files
        self._known = known
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
        if not self.pending:
            return []
        with self._catalog.transaction() as transaction:
            self._take_lost_ones_again()
            files = [result.file for result in self._taken]
            left = self._left(files)
            vanished = self._vanished(files)
            self._put_images(transaction)
            transaction.put_files(files)
            transaction.put_refused([_remembered(result) for result in self._refused if _of_content(result.error)])
            transaction.forget_files(vanished)
            orphans = self._orphans(left, without={*self._paths_told_of(), *vanished})
            transaction.remove_images(orphans)
            returned = transaction.returned
        self._report.labels_returned += len(returned)
        self._files.committed({file.image_id for file in files})
        self._files.removed(orphans)
        self._count()
        for path in (*vanished, *self._paths_told_of()):
            self._known.pop(path, None)
        self._known.update({file.path: file for file in files})
        self._taken, self._refused = [], []
        return files

    def label(self, paths: Iterable[str]) -> None:
        """Lay metadata over the pictures of files that were not read."""
        wanted: dict[str, Metadata] = {}
        for path in paths:
            if path in self._metadata and path in self._known:
                wanted.setdefault(self._known[path].image_id, {}).update(self._metadata[path])
        images = self._catalog.images(list(wanted))
        new = {one: fields for one, fields in wanted.items() if one in images and _adds(fields, images[one].metadata)}
        if new:
            with self._catalog.transaction() as transaction:
                transaction.merge_metadata(new)
            self._count_labelled(new)

    def forget(self, paths: Sequence[str]) -> None:
        """Forget files that are gone, and pictures that lie nowhere else."""
        if not paths:
            return
        left = {self._known[path].image_id for path in paths if path in self._known}
        with self._catalog.transaction() as transaction:
            orphans = self._orphans(left, without=set(paths))
            transaction.forget_files(paths)
            transaction.remove_images(orphans)
        self._files.removed(orphans)
        self._report.removed += sum(self._known.pop(path, None) is not None for path in paths)

    def _put_images(self, transaction: Transaction) -> None:
        new: dict[str, Embedded] = {one.file.image_id: one.embedded for one in self._taken if one.embedded is not None}
        fields: dict[str, Metadata] = {}
        for one in self._taken:
            if one.file.path in self._metadata:
                fields.setdefault(one.file.image_id, {}).update(self._metadata[one.file.path])
        if new:
            records = [
                replace(one.record, metadata=fields.pop(image_id)) if image_id in fields else one.record
                for image_id, one in new.items()
            ]
            transaction.put_images(records, np.stack([one.vector for one in new.values()]))
            self._count_labelled(record.id for record in records if record.metadata)
        known = self._catalog.images(list(fields)) if fields else {}
        if changing := {
            one: laid for one, laid in fields.items() if one not in known or _adds(laid, known[one].metadata)
        }:
            transaction.merge_metadata(changing)
            self._count_labelled(changing)

    def _count_labelled(self, image_ids: Iterable[str]) -> None:
        self._labelled.update(image_ids)
        self._report.labelled = len(self._labelled)

    def _take_lost_ones_again(self) -> None:
        """Read files again whose pictures were known when they were read, and have been removed since.

        So it is where the last other file of such a picture came to hold another one, as when files are renumbered.
        Within a transaction, so that no other thread removes any now.
        """
        there = set(self._catalog.keys(sorted({one.file.image_id for one in self._taken})))
        there.update(one.file.image_id for one in self._taken if one.embedded is not None)
        lost = [one for one in self._taken if one.file.image_id not in there]
        if not lost:
            return
        self._files.removed({one.file.image_id for one in lost})
        self._taken = [one for one in self._taken if one.file.image_id in there]
        again = [FoundFile(one.file.path, one.file.size_bytes, one.file.mtime_ns) for one in lost]
        for result in self._files.take(again):
            self.add(result)

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

    def _count(self) -> None:
        for one in self._taken:
            image_id, before = one.file.image_id, self._known.get(one.file.path)
            if before is not None and before.image_id == image_id:
                self._report.unchanged += 1
            elif before is not None:
                self._report.updated += 1
            elif one.embedded is not None and image_id not in self._added:
                self._report.added += 1
            else:
                self._report.recognised += 1
            self._added.add(image_id)
        for refused in self._refused:
            self._report.failed.append(Failure(refused.found.path, str(refused.error), refused.error.code))


def _of_content(error: ImageRefused) -> bool:
    return error.code not in _NOT_OF_THE_CONTENT


def _remembered(refused: Refused) -> RefusedFile:
    found, error = refused.found, refused.error
    return RefusedFile(found.path, found.size_bytes, found.mtime_ns, error.code, str(error))


def _adds(fields: Metadata, to: Metadata) -> bool:
    return any(to.get(name) != value for name, value in fields.items())
