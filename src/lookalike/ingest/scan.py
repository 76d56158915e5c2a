"""Looking found files up in the catalog, some thousand at a time: which are unchanged, and which are to be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.core.records import FileRecord, RefusedFile
from lookalike.images.walk import FoundFile, NotTaken, NotWalked, Unmatched, walk
from lookalike.ingest.ingest_report import Failure, IngestReport
from lookalike.ingest.path_set import FilesToRead, PathSet
from lookalike.ingest.prune import Steady
from lookalike.ingest.write_batch import Said, beginning_of

PATHS_AT_ONCE = 4_096


class Scan:
    """Walks folders, and tells what is known of the files in them.

    Args:
        catalog: what is known.
        steady: learns which files hold what they did before.
        report: is counted up.
        retry_refused: whether refused files are read again although they have not changed.

    Attributes:
        found: all files that were found.
        unlisted: folders that could not be listed.
        to_read: those that must be read, each with the beginning of the id of the picture that it had, 0 for none.
        known: how many of the found ones were remembered.
    """

    def __init__(self, catalog: Catalog, steady: Steady, report: IngestReport, *, retry_refused: bool) -> None:
        self._catalog = catalog
        self._steady = steady
        self._report = report
        self._retry_refused = retry_refused
        self.found = PathSet()
        self.unlisted: list[str] = []
        self.to_read = FilesToRead()
        self.known = 0

    def walk(self, tops: Sequence[str | os.PathLike[str]], *, exclude: Sequence[str], own_folder: Path | None) -> None:
        """Find all files and look them up. Raises as `lookalike.images.walk.walk`."""
        skip = [os.fsdecode(own_folder.absolute())] if own_folder else []
        files = self._files(walk(tops, exclude=exclude, skip_folders=skip, known=self._find_remembered))
        while some := list(islice(files, PATHS_AT_ONCE)):
            self._look_up(some)

    def _files(self, walked: Iterable[FoundFile | NotWalked | NotTaken | Unmatched]) -> Iterator[FoundFile]:
        for item in walked:
            if isinstance(item, FoundFile):
                yield item
            elif isinstance(item, NotWalked):
                self.unlisted.append(item.path)
                self._report.failed.append(Failure(item.path, item.reason, "unreadable"))
            elif isinstance(item, NotTaken):
                self._report.passed_over.add(item.path, item.reason)
            else:
                self._report.unmatched_patterns.append(item.pattern)

    def _look_up(self, files: Sequence[FoundFile]) -> None:
        known = read_said([file.path for file in files], self._catalog)
        for file in files:
            self.found.add(file.path)
            before = known.get(file.path)
            is_unchanged = before is not None and is_as_found(before, file)
            self.known += before is not None
            if is_unchanged:
                self._steady.add(file.path)
            if is_unchanged and isinstance(before, FileRecord):
                self._report.unchanged += 1
            elif is_unchanged and isinstance(before, RefusedFile) and not self._retry_refused:
                self._report.failed.append(Failure(before.path, before.reason, before.code))
            else:
                picture = beginning_of(before.image_id) if isinstance(before, FileRecord) else 0
                self.to_read.add(file, picture)

    def _find_remembered(self, paths: Sequence[str]) -> set[str]:
        return set(self._catalog.files_at(paths))


def read_said(paths: Sequence[str], catalog: Catalog) -> dict[str, Said]:
    """What is known of files, by path."""
    files = catalog.files_at(paths)
    others = [path for path in paths if path not in files]
    return {**catalog.refused_at(others), **files} if others else dict(files)


def is_as_found(said: Said, file: FoundFile) -> bool:
    """Whether a file has the size and time of change that were noted."""
    return (said.size_bytes, said.mtime_ns) == (file.size_bytes, file.mtime_ns)
