"""The writing half of an ingest: results in, transactions out, counts kept."""

from __future__ import annotations

import os
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
        files = [result.file for result in self._taken]
        with self._catalog.transaction() as transaction:
            self._put_images(transaction)
            transaction.put_files(files)
            transaction.put_refused([_remembered(result) for result in self._refused if _of_content(result.error)])
            self._leave_old_places(transaction, files)
        self._files.committed({file.image_id for file in files})
        self._count()
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

    def forget(self, paths: Sequence[str]) -> None:
        """Forget files that are gone, and pictures that lie nowhere else."""
        if not paths:
            return
        left = {self._known[path].image_id for path in paths if path in self._known}
        with self._catalog.transaction() as transaction:
            transaction.forget_files(paths)
            transaction.remove_images(self._orphans(left, without=set(paths)))
        self._report.removed += sum(path in self._known for path in paths)

    def _put_images(self, transaction: Transaction) -> None:
        new: dict[str, Embedded] = {one.file.image_id: one.embedded for one in self._taken if one.embedded is not None}
        fields: dict[str, Metadata] = {}
        for one in self._taken:
            if one.file.path in self._metadata:
                fields.setdefault(one.file.image_id, {}).update(self._metadata[one.file.path])
        if new:
            records = [replace(one.record, metadata=fields.pop(image_id, {})) for image_id, one in new.items()]
            transaction.put_images(records, np.stack([one.vector for one in new.values()]))
        if fields:
            transaction.merge_metadata(fields)

    def _leave_old_places(self, transaction: Transaction, files: Sequence[FileRecord]) -> None:
        """Forget the old names of renamed files, and pictures whose last file holds something else now."""
        now = {file.path: file.image_id for file in files}
        refused = {one.found.path for one in self._refused if _of_content(one.error)}
        left = {
            self._known[path].image_id
            for path in (*now, *refused)
            if path in self._known and self._known[path].image_id != now.get(path)
        }
        new_places = {image_id for path, image_id in now.items() if path not in self._known}
        vanished = [
            file.path
            for places in self._catalog.files_of(sorted(new_places)).values()
            for file in places
            if file.path not in now and not os.path.lexists(file.path)
        ]
        transaction.forget_files(vanished)
        transaction.remove_images(self._orphans(left - set(now.values()), without={*now, *refused}))

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
