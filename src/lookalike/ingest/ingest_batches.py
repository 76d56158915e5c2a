"""The writing half of an ingest: results in, transactions out, counts kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice

from lookalike.catalog.base import Catalog
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.paths import is_gone
from lookalike.core.records import FileRecord, Metadata
from lookalike.embedding.files import FileEmbedder, Refused, Taken
from lookalike.images.walk import FoundFile
from lookalike.ingest.ingest_report import Failure, IngestReport
from lookalike.ingest.prune import Steady
from lookalike.ingest.write_batch import (
    Batch,
    Said,
    Written,
    beginning_of,
    find_lost,
    labels_to_add,
    of_content,
    write_batch,
    write_forgotten,
    write_labels,
)
from lookalike.objects.base import Objects
from lookalike.parts.kept_bytes import commit_by_kept

_PATHS_AT_ONCE = 4_096


class BatchWriter:
    """Collects results and commits them together, beside others that write.

    Args:
        catalog: where they go.
        objects: holds pictures that stay although no file holds them.
        files: is told what was committed.
        metadata: fields by absolute path.
        report: is counted up.
        steady: learns which files hold what they did before, though they had to be read.
    """

    def __init__(
        self,
        catalog: Catalog,
        objects: Objects,
        files: FileEmbedder,
        *,
        metadata: Mapping[str, Metadata],
        report: IngestReport,
        steady: Steady | None = None,
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._files = files
        self._metadata = metadata
        self._report = report
        self._taken: list[Taken] = []
        self._refused: list[Refused] = []
        self._before: dict[str, Said] = {}  # of files that are being read, by path
        self._pictures_before: dict[str, int] = {}  # of the same, which picture they had when the run began
        self._steady = steady or Steady()
        self._removed: set[str] = set()  # pictures that this run has removed with their last file
        self._labelled: set[str] = set()

    @property
    def pending(self) -> int:
        """Results that are not committed yet."""
        return len(self._taken) + len(self._refused)

    def expect(self, before: Mapping[str, Said], pictures: Mapping[str, int]) -> None:
        """Say what is known of files that are about to be read.

        Args:
            before: by path.
            pictures: by path, the beginnings of the ids of the pictures that they had when the run began, 0 for none.
        """
        self._before.update(before)
        self._pictures_before.update(pictures)

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
            batch = Batch(tuple(self._taken), tuple(self._refused), dict(self._before), self._metadata)
            written = commit_by_kept(self._catalog, self._objects, partial(write_batch, batch))
            if written is not None:
                self._note(written)
                return [one.file for one in written.batch.taken]
        return []

    def label(self, paths: Iterable[str]) -> None:
        """Lay metadata over the pictures of files that were not read."""
        wanted = iter([path for path in paths if path in self._metadata])
        while some := list(islice(wanted, _PATHS_AT_ONCE)):
            if labels_to_add(some, self._metadata, self._catalog):
                block = partial(write_labels, some, self._metadata)
                self._note_labelled(patiently(partial(in_transaction, self._catalog, block)))

    def forget(self, files: Sequence[Said]) -> None:
        """Forget files that are gone, and pictures that lie nowhere else; not those that have come back meanwhile.

        Args:
            files: what was known of them when they were found to be gone; of which something else is known, stays.
        """
        for start in range(0, len(files), _PATHS_AT_ONCE):
            gone = [one for one in files[start : start + _PATHS_AT_ONCE] if is_gone(one.path)]
            if gone:
                done = commit_by_kept(self._catalog, self._objects, partial(write_forgotten, gone))
                self._files.note_removed(done.orphans)
                self._report.removed += done.files

    def _read_lost_ones_again(self) -> None:
        while again := find_lost(self._taken, self._catalog):
            self._files.note_removed({one.file.image_id for one in again})
            paths = {one.file.path for one in again}
            self._taken = [one for one in self._taken if one.file.path not in paths]
            for result in self._files.take(
                [FoundFile(one.file.path, one.file.size_bytes, one.file.mtime_ns) for one in again]
            ):
                self.add(result)

    def _note(self, written: Written) -> None:
        """What follows from a commit."""
        said = [*(one.file for one in written.batch.taken), *written.outdated]
        holding = {one.path: beginning_of(one.image_id) for one in said if isinstance(one, FileRecord)}
        for path in (*(one.file.path for one in self._taken), *(one.found.path for one in self._refused)):
            self._before.pop(path, None)
            picture = self._pictures_before.pop(path, 0)
            if picture and picture == holding.get(path):
                self._steady.add(path)
        self._files.note_committed({one.file.image_id for one in self._taken})
        self._files.note_removed(written.orphans)
        self._taken, self._refused = [], []
        self._count(written)
        self._note_labelled(written.labelled)
        self._removed.update(written.orphans)

    def _note_labelled(self, image_ids: Iterable[str]) -> None:
        self._labelled.update(image_ids)
        self._report.labelled = len(self._labelled)

    def _count(self, written: Written) -> None:
        report, added = self._report, set[str]()
        for one in written.batch.taken:
            image_id, before = one.file.image_id, written.files.get(one.file.path)
            is_new = image_id not in written.there and image_id not in self._removed and image_id not in added
            if before is not None and before.image_id == image_id:
                report.unchanged += 1
            elif before is not None:
                report.updated += 1
            elif is_new:
                report.added += 1
            else:
                report.recognised += 1
            added.add(image_id)
            if one.embedded is not None and one.embedded.lacks_its_end:
                report.cut_short.append(one.file.path)
        for refused in written.batch.refused:
            report.failed.append(Failure(refused.found.path, str(refused.error), refused.error.code))
            report.removed += of_content(refused.error) and refused.found.path in written.files
        for said in written.outdated:
            if isinstance(said, FileRecord):
                report.unchanged += 1
            else:
                report.failed.append(Failure(said.path, said.reason, said.code))
        report.labels_returned += len(written.returned)
