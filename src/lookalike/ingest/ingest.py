"""Ingest: folders in, acknowledged pictures out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from lookalike.catalog.base import Catalog, Reads, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import STOPPED, BadInput, Interrupted
from lookalike.core.paths import absolute
from lookalike.core.records import FileRecord, Metadata
from lookalike.embedding.files import FileEmbedder, Refused, Taken, take_in_order
from lookalike.images.walk import FoundFile
from lookalike.ingest.devices import Devices, is_at_or_below
from lookalike.ingest.ingest_batches import BatchWriter
from lookalike.ingest.ingest_report import IngestReport
from lookalike.ingest.lost_files import LostFiles, outermost
from lookalike.ingest.path_set import FilesToRead
from lookalike.ingest.prune import Pruning, Steady
from lookalike.ingest.scan import PATHS_AT_ONCE, Scan, read_said
from lookalike.ingest.write_batch import Said
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
        raise Interrupted(STOPPED) from error


def _ingest(
    paths: Sequence[str | os.PathLike[str]],
    parts: Parts,
    options: IngestOptions,
    metadata: Mapping[str, Metadata],
    progress: Progress | None,
    acknowledge: Acknowledge | None,
) -> IngestReport:
    report = IngestReport(dry_run=options.dry_run)
    tell = _tell(report, time.monotonic(), progress)
    catalog = parts.catalog
    out_of_sight = catalog.out_of_sight()
    steady = Steady(chain.from_iterable(out_of_sight.values()))
    tops = list(dict.fromkeys(map(absolute, paths)))
    remembered = sum(catalog.count_files(below=top) for top in outermost(tops))
    scan = Scan(catalog, steady, report, retry_refused=options.retry_refused)
    there = [path for path in paths if not _is_given_up(path, options, catalog)]
    scan.walk(there, exclude=options.exclude, own_folder=parts.folder)
    report.total = len(scan.found) + len(scan.unlisted)
    tell()
    if options.dry_run:
        _foresee(scan.to_read, report)
    else:
        files = FileEmbedder(parts.embedder, catalog.keys, limits=parts.limits)
        writer = BatchWriter(catalog, parts.objects, files, metadata=metadata, report=report, steady=steady)
        with closing(take_in_order(_to_read(scan, catalog, writer), files.take, threads=options.threads)) as results:
            _write(results, writer, tell, acknowledge)
        writer.label(path for path in sorted(metadata) if path in scan.found)
    devices = Devices(catalog.devices())
    pruning = Pruning(tops, steady, devices, out_of_sight, options.forget if options.prune else ())
    lost = LostFiles(catalog, tops, found=scan.found, unlisted=scan.unlisted, pruning=pruning)
    if remembered != scan.known:  # else all that is remembered there was found
        lost.forget(_forgetting(options, report, None if options.dry_run else writer))
    if not options.dry_run:
        _remember_places(catalog, devices, pruning, tops, holding=list(scan.found.folders()), lacking=lost.lacking)
    report.kept = pruning.list_kept() if options.prune else []
    report.unmatched_forget = pruning.unmatched
    tell()
    return report


def _to_read(scan: Scan, catalog: Catalog, writer: BatchWriter) -> Iterator[FoundFile]:
    """The files that must be read; what is known of them by then is told to who writes."""
    rest = iter(scan.to_read)
    while some := list(islice(rest, PATHS_AT_ONCE)):
        writer.expect(
            read_said([file.path for file, _ in some], catalog), {file.path: picture for file, picture in some}
        )
        yield from (file for file, _ in some)


def _forgetting(
    options: IngestOptions, report: IngestReport, writer: BatchWriter | None
) -> Callable[[Sequence[Said]], None] | None:
    """What is done with files that are gone for good; without a writer they are counted."""
    if not options.prune:
        return None
    if writer is not None:
        return writer.forget

    def count(gone: Sequence[Said]) -> None:
        report.removed += sum(isinstance(one, FileRecord) for one in gone)

    return count


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


def _tell(report: IngestReport, started: float, progress: Progress | None) -> Callable[[], None]:
    def tell() -> None:
        report.seconds = time.monotonic() - started
        if progress is not None:
            progress(report)

    return tell


def _is_given_up(path: str | os.PathLike[str], options: IngestOptions, catalog: Catalog) -> bool:
    """Whether a folder or a file is not there, and the user has said that it is gone for good.

    Raises:
        BadInput: when it is not there, pictures were known at or below it, and the user has not said so.
    """
    place = absolute(path)
    if not options.prune or os.path.exists(place):
        return False
    if any(is_at_or_below(place, absolute(one)) for one in options.forget):
        return True
    if count := sum(1 for _ in catalog.files(below=place)):
        raise BadInput(
            f"expected a folder or a file, but {place!r} is not there (files known at it: {count:,}): mount its disk; "
            "or name it to forget, too, if it is gone for good (--prune --forget)"
        )
    return False


def _remember_places(
    catalog: Catalog,
    devices: Devices,
    pruning: Pruning,
    tops: Sequence[str],
    *,
    holding: Sequence[str],
    lacking: Container[str],
) -> None:
    """Note on which devices the folders lie below which nothing is missing now, and which ones are out of sight."""

    def remember(reads: Reads) -> tuple[dict[str, str], dict[str, list[str]]]:
        before = devices.beside(reads.devices())  # another run may have noted other folders
        return (
            before.to_remember(tops, holding=holding, lacking=lacking),
            pruning.still_out_of_sight(reads.out_of_sight()),
        )

    def put(transaction: Transaction) -> None:
        on_devices, out_of_sight = remember(transaction)
        transaction.put_devices(on_devices)
        transaction.put_out_of_sight(out_of_sight)

    if remember(catalog) != (catalog.devices(), catalog.out_of_sight()):
        patiently(partial(in_transaction, catalog, put))


def _foresee(to_read: FilesToRead, report: IngestReport) -> None:
    report.updated = sum(picture != 0 for _, picture in to_read)
    report.added = len(to_read) - report.updated
