"""Ingest: folders in, acknowledged pictures out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.catalog.patience import patiently
from lookalike.core.errors import BadInput, Interrupted
from lookalike.core.records import FileRecord, Metadata, RefusedFile
from lookalike.embedding.files import FileEmbedder, Refused, Taken, taken
from lookalike.images.walk import FoundFile, NotTaken, NotWalked, Unmatched, absolute, walk
from lookalike.ingest.devices import Devices, is_at_or_below
from lookalike.ingest.ingest_batches import BatchWriter
from lookalike.ingest.ingest_report import Failure, IngestReport
from lookalike.ingest.prune import Pruning, kept_folders, missing_files, prune, still_out_of_sight
from lookalike.parts.parts import Parts

_COMMIT_AFTER_FILES = 512
_COMMIT_AFTER_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """How to ingest.

    Attributes:
        exclude: patterns of what to pass over, see `lookalike.images.exclusion`.
        prune: forget files below the given folders that are gone; none below a folder that has vanished, is empty,
            holds none of what was known in it, or lies on another device than before, for that may be a disk that is
            not mounted, see `lookalike.ingest.prune`.
        forget: folders and files of which even that is forgotten, where `prune` is said.
        dry_run: look, and say what would be done. Nothing is read, so that whatever would be counts as added, or as
            updated where the name is known.
        retry_refused: read refused files again although they have not changed.
        threads: how many read, decode and embed at once.
    """

    exclude: Sequence[str] = ()
    prune: bool = False
    forget: Sequence[str | os.PathLike[str]] = ()
    dry_run: bool = False
    retry_refused: bool = False
    threads: int = 2


Progress = Callable[[IngestReport], None]
Acknowledge = Callable[[Sequence[FileRecord]], None]


def ingest(
    paths: Sequence[str | os.PathLike[str]],
    parts: Parts,
    *,
    options: IngestOptions,
    metadata: Mapping[str, Metadata] | None = None,
    progress: Progress | None = None,
    acknowledge: Acknowledge | None = None,
) -> IngestReport:
    """Take the pictures below folders into the catalog.

    Unchanged files (size and time of change) are not read. Copies and renamed files are recognised by content and
    not embedded again; a renamed file's old name is forgotten. A picture whose last file is forgotten or holds
    another picture now is removed, unless it lies in the objects. A file that cannot be used never stops the run.
    The index is left as it is: `View.refresh` brings it up to date.

    Others may write at the same time, also another ingest of the same folders: what was known when the run began is
    looked at again within each commit.

    Args:
        paths: folders and files.
        parts: the collection.
        options: how.
        metadata: fields by absolute path, laid over those of the files' pictures.
        progress: called on the calling thread after each commit, and at least once.
        acknowledge: called on the calling thread with the files of a commit once that is durable.
    Raises:
        Interrupted: at Ctrl-C, after what was complete has been committed; a second run goes on from there.
        BadInput: when one of `paths` is not there.
        Locked: when another process keeps the catalog for much longer than a commit; what was acknowledged stays.
        ReadOnly, StorageFailed: when the catalog cannot be written; likewise.
    """
    try:
        return _ingest(paths, parts, options, metadata or {}, progress, acknowledge)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what was complete is kept, and the same command goes on from there") from error


def _ingest(
    paths: Sequence[str | os.PathLike[str]],
    parts: Parts,
    options: IngestOptions,
    metadata: Mapping[str, Metadata],
    progress: Progress | None,
    acknowledge: Acknowledge | None,
) -> IngestReport:
    report = IngestReport(dry_run=options.dry_run)
    started = time.monotonic()
    tell = _told(report, started, progress)
    catalog = parts.catalog
    known = {file.path: file for file in catalog.files()}
    found = _found(paths, options, parts.folder, known, report)
    refused = {file.path: file for file in catalog.refused()}
    seen = _seen(paths, found, report, known=known, refused=refused)
    report.total = len(found) + len(report.failed)
    fresh = _fresh(found, known, {} if options.retry_refused else refused, report)
    tell()
    if options.dry_run:
        lost = _lost(seen, options, catalog, known=known, refused=refused)
        _foresee(fresh, known, lost.gone, report)
    else:
        files = FileEmbedder(parts.embedder, catalog.known_ids(), limits=parts.limits)
        writer = BatchWriter(
            catalog, parts.objects, files, known=known, refused=refused, metadata=metadata, report=report
        )
        with closing(taken(fresh, files.take, threads=options.threads)) as results:
            _write(results, writer, tell, acknowledge)
            writer.label(file.path for file in found)
            lost = _lost(seen, options, catalog, known=known, refused=refused)
            writer.forget(lost.gone)
            _remember_places(lost, seen, catalog, known=known)
    report.kept = kept_folders(lost.pruning, known=known) if options.prune else []
    report.unmatched_forget = lost.pruning.unmatched
    tell()
    return report


def _write(
    results: Iterable[Taken | Refused], writer: BatchWriter, tell: Callable[[], None], acknowledge: Acknowledge | None
) -> None:
    def commit() -> None:
        durable = writer.commit()
        if acknowledge is not None and durable:
            acknowledge(durable)
        tell()

    due = time.monotonic() + _COMMIT_AFTER_S
    try:
        for result in results:
            writer.add(result)
            if writer.pending >= _COMMIT_AFTER_FILES or time.monotonic() > due:
                commit()
                due = time.monotonic() + _COMMIT_AFTER_S
    except KeyboardInterrupt:
        commit()
        raise
    commit()


def _told(report: IngestReport, started: float, progress: Progress | None) -> Callable[[], None]:
    def tell() -> None:
        report.seconds = time.monotonic() - started
        if progress is not None:
            progress(report)

    return tell


def _found(
    paths: Sequence[str | os.PathLike[str]],
    options: IngestOptions,
    own_folder: Path | None,
    known: Mapping[str, FileRecord],
    report: IngestReport,
) -> list[FoundFile]:
    found: list[FoundFile] = []
    skip = [os.fsdecode(own_folder.absolute())] if own_folder else []
    there = [path for path in paths if not _is_given_up(path, options, known)]
    for item in walk(there, exclude=options.exclude, skip_folders=skip, known=known):
        if isinstance(item, NotWalked):
            report.failed.append(Failure(item.path, item.reason, "unreadable"))
        elif isinstance(item, NotTaken):
            report.passed_over.add(item.path, item.reason)
        elif isinstance(item, Unmatched):
            report.unmatched_patterns.append(item.pattern)
        else:
            found.append(item)
    return found


def _is_given_up(path: str | os.PathLike[str], options: IngestOptions, known: Iterable[str]) -> bool:
    """Whether a folder or a file is not there, and the user has said that it is gone for good.

    Raises:
        BadInput: when it is not there, pictures were known at or below it, and the user has not said so.
    """
    place = absolute(path)
    if not options.prune or os.path.exists(place):
        return False
    if any(is_at_or_below(place, absolute(one)) for one in options.forget):
        return True
    if count := sum(is_at_or_below(one, place) for one in known):
        raise BadInput(
            f"expected a folder or a file, but {place!r} is not there (files known at it: {count:,}): mount its disk; "
            "or name it to forget, too, if it is gone for good (--prune --forget)"
        )
    return False


def _fresh(
    found: list[FoundFile], known: Mapping[str, FileRecord], refused: Mapping[str, RefusedFile], report: IngestReport
) -> list[FoundFile]:
    """Files that must be read; the others are counted."""
    fresh = []
    for file in found:
        before = known.get(file.path) or refused.get(file.path)
        if before is None or (before.size_bytes, before.mtime_ns) != (file.size_bytes, file.mtime_ns):
            fresh.append(file)
        elif isinstance(before, RefusedFile):
            report.failed.append(Failure(before.path, before.reason, before.code))
        else:
            report.unchanged += 1
    return fresh


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of the files that were remembered when the run began, before anything is written.

    Attributes:
        tops: absolute paths that were walked.
        found: files below them.
        unlisted: folders that could not be listed.
        remembered: all paths.
        unchanged: those found whose size and time of change are the same.
        before: of other found ones, which picture they held.
    """

    tops: list[str]
    found: frozenset[str]
    unlisted: list[str]
    remembered: list[str]
    unchanged: frozenset[str]
    before: dict[str, str]

    def steady(self, known: Mapping[str, FileRecord]) -> Set[str]:
        """Files that hold what they held, as far as is known by now."""
        return self.unchanged.union(
            path for path, image_id in self.before.items() if path in known and known[path].image_id == image_id
        )


def _seen(
    paths: Sequence[str | os.PathLike[str]],
    found: list[FoundFile],
    report: IngestReport,
    *,
    known: Mapping[str, FileRecord],
    refused: Mapping[str, RefusedFile],
) -> _Seen:
    def is_unchanged(file: FoundFile) -> bool:
        before = known.get(file.path) or refused.get(file.path)
        return before is not None and (before.size_bytes, before.mtime_ns) == (file.size_bytes, file.mtime_ns)

    unchanged = frozenset(file.path for file in found if is_unchanged(file))
    return _Seen(
        tops=list(dict.fromkeys(map(absolute, paths))),
        found=frozenset(file.path for file in found),
        unlisted=[failure.path for failure in report.failed],
        remembered=[*known, *refused],
        unchanged=unchanged,
        before={
            file.path: known[file.path].image_id for file in found if file.path in known and file.path not in unchanged
        },
    )


@dataclass(frozen=True, slots=True)
class _Lost:
    """Remembered files that were not found.

    Attributes:
        gone: those that are to be forgotten.
        unseen: files that are missing, and those of which that cannot be told.
        pruning: what would become of missing files if all that are gone for good were to be forgotten.
        devices: what is remembered of those of the folders.
    """

    gone: list[str]
    unseen: list[str]
    pruning: Pruning
    devices: Devices


def _lost(
    seen: _Seen,
    options: IngestOptions,
    catalog: Catalog,
    *,
    known: Mapping[str, FileRecord],
    refused: Mapping[str, RefusedFile],
) -> _Lost:
    remembered = [path for path in seen.remembered if path in known or path in refused]  # not what was renamed
    missing = missing_files(seen.tops, remembered=remembered, found=seen.found, unlisted=seen.unlisted)
    devices = Devices(catalog.devices())
    pruning = prune(
        missing,
        tops=seen.tops,
        steady=seen.steady(known),
        devices=devices,
        out_of_sight=catalog.out_of_sight(),
        forget=options.forget if options.prune else (),
    )
    blind = tuple(os.path.join(folder, "") for folder in seen.unlisted)
    unseen = [*missing, *(path for path in remembered if path.startswith(blind))]
    return _Lost(pruning.gone if options.prune else [], unseen, pruning, devices)


def _remember_places(lost: _Lost, seen: _Seen, catalog: Catalog, *, known: Mapping[str, FileRecord]) -> None:
    """Note on which devices the folders lie below which nothing is missing now, and which ones are out of sight."""
    missing = [path for path in lost.unseen if path in known]

    def devices() -> tuple[dict[str, str], dict[str, str]]:
        before = catalog.devices()
        return before, lost.devices.beside(before).to_remember(seen.tops, found=seen.found, missing=missing)

    def out_of_sight() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        before = catalog.out_of_sight()
        return before, still_out_of_sight(before, lost.pruning, tops=seen.tops)

    def remember() -> None:
        with catalog.transaction() as transaction:
            transaction.put_devices(devices()[1])  # another run may have noted other folders
            transaction.put_out_of_sight(out_of_sight()[1])

    if any(before != after for before, after in (devices(), out_of_sight())):
        patiently(remember)


def _foresee(fresh: list[FoundFile], known: Mapping[str, FileRecord], gone: list[str], report: IngestReport) -> None:
    report.updated = sum(file.path in known for file in fresh)
    report.added = len(fresh) - report.updated
    report.removed = sum(path in known for path in gone)
