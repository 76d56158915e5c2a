"""What an ingest has done, told at its end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from lookalike.images.candidates import PICTURES, PassedOverAs
from lookalike.images.refusals import BY_A_LIMIT
from lookalike.presentation.text import human_count, human_duration, human_rate, safe

if TYPE_CHECKING:
    from lookalike.cli.session import Session
    from lookalike.ingest.ingest_report import IngestReport
    from lookalike.ingest.metadata import MetadataReport
    from lookalike.ingest.prune import KeptFolder

MOST_ON_A_TERMINAL = 20
_NAMED = PICTURES | {PassedOverAs.OTHER}


def report_as_json(report: IngestReport, labels: MetadataReport | None) -> dict[str, object]:
    """A report with the names that programs read."""
    facts = asdict(report)
    del facts["total"], facts["labelled"]
    facts.update(seconds=round(report.seconds, 3), photos_per_second=round(report.photos_per_second, 1))
    return facts if labels is None else {**facts, "metadata": {**asdict(labels), "updated": labels.changed}}


def tell_report(report: IngestReport, session: Session) -> None:
    """Tell people what was done, and which files were refused."""
    session.say(_summary(report))
    if report.labels_returned:
        session.say(f"Labels returned with {human_count(report.labels_returned, 'picture')}.")
    if report.without_date and report.read:
        session.say(f"Without a date: {human_count(report.without_date, 'picture')} of the collection.")
    if report.cut_short:
        told = human_count(len(report.cut_short), "file")
        session.say(f"Taken in although cut short, for only the end marker is missing: {told}.")
        tell_some(report.cut_short, session)
    tell_some([_describe_kept(folder) for folder in report.kept], session)
    for place in report.unmatched_forget:
        session.say(f"Nothing to forget at --forget {safe(place)}: no file that is known there is missing")
    _tell_passed_over(report, session)
    if not report.failed:
        return
    session.say(f"Refused {human_count(len(report.failed), 'file')}:")
    tell_some([f"{failure.path}: {failure.reason} ({failure.code})" for failure in report.failed], session)
    if any(failure.code in BY_A_LIMIT for failure in report.failed):
        session.say("After a limit was raised, `lookalike index` with --retry-refused reads refused files again.")


def tell_labels(labels: MetadataReport, session: Session) -> None:
    """Tell people what became of the rows of a table of metadata."""
    session.say(
        f"Metadata: {human_count(labels.matched, 'row')} matched, {human_count(labels.changed, 'picture')} changed."
    )
    if labels.without_row:
        told = human_count(labels.without_row, "picture")
        session.say(f"Without a row: {told}, such as {', '.join(map(safe, labels.without_row_examples[:3]))}")
    if not labels.unused:
        return
    session.say(f"Not used {human_count(len(labels.unused), 'row')}:")
    tell_some([f"row {row.line}, {row.name}: {row.reason}" for row in labels.unused], session)


def tell_some(lines: Sequence[str], session: Session) -> None:
    """Tell people lines, on a terminal only the first of many."""
    shown = lines[: MOST_ON_A_TERMINAL if sys.stderr.isatty() else None]
    for line in shown:
        session.say(f"  {safe(line)}")
    if len(shown) < len(lines):
        session.say(f"  and {len(lines) - len(shown):,} more: --json lists all")


def _tell_passed_over(report: IngestReport, session: Session) -> None:
    for pattern in report.unmatched_patterns:
        session.say(f"Nothing matched --exclude {safe(pattern)}")
    passed = report.passed_over
    if not passed.total:
        return
    kinds = (
        f"{count:,} {_kind(reason, count)}{_names(passed.examples[reason]) if reason in _NAMED else ''}"
        for reason, count in sorted(passed.by_reason.items(), key=lambda one: -one[1])
    )
    session.say(f"Passed over {passed.total:,}: {', '.join(kinds)}.")
    if not report.total and passed.pictures:
        session.say("None of the pictures there can be used: convert them to JPEG, PNG or TIFF first.")


def _kind(reason: str, count: int) -> str:
    return reason.replace("_", " ") + (f" file{'s' * (count != 1)}" if reason == PassedOverAs.OTHER else "")


def _names(paths: Sequence[str]) -> str:
    names = [safe(path.rpartition("/")[2]) for path in paths[:2]]
    return f" ({', '.join(names)}{', …' * (len(paths) > len(names))})"


def _describe_kept(folder: KeptFolder) -> str:
    return (
        f"Kept {human_count(folder.files, 'file')} below {folder.path}: {folder.reason}. If it is gone for good: "
        f"--prune --forget {shlex.quote(folder.path)}"
    )


def _summary(report: IngestReport) -> str:
    counts = (
        ("added", report.added),
        ("recognised", report.recognised),
        ("updated", report.updated),
        ("removed", report.removed),
        ("unchanged", report.unchanged),
    )
    told = ", ".join(f"{count:,} {name}" for name, count in counts if count) or (
        "nothing to do" if report.total else "no pictures were found there"
    )
    if report.dry_run:
        return f"Would be: {told}. Nothing was done."
    rate = f" ({human_rate(report.photos_per_second, unit='photos')})" if report.read else ""
    return f"Done: {told}, in {human_duration(report.seconds)}{rate}."
