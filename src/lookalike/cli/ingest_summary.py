"""What an ingest has done, told at its end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from lookalike.presentation.text import human_count, human_duration, human_rate, safe

if TYPE_CHECKING:
    from lookalike.cli.session import Session
    from lookalike.pipelines.ingest_report import IngestReport
    from lookalike.pipelines.metadata import MetadataReport

MOST_ON_A_TERMINAL = 20


def report_as_json(report: IngestReport, labels: MetadataReport | None) -> dict[str, object]:
    """A report with the names that programs read."""
    facts = asdict(report)
    del facts["total"]
    facts.update(seconds=round(report.seconds, 3), photos_per_second=round(report.photos_per_second, 1))
    return facts if labels is None else {**facts, "metadata": asdict(labels)}


def tell_report(report: IngestReport, session: Session) -> None:
    """Tell people what was done, and which files were refused."""
    session.say(_summary(report))
    if not report.failed:
        return
    session.say(f"Refused {human_count(len(report.failed), 'file')}:")
    tell_some([f"{failure.path}: {failure.reason} ({failure.code})" for failure in report.failed], session)


def tell_labels(labels: MetadataReport, session: Session) -> None:
    """Tell people what became of the rows of a table of metadata."""
    session.say(
        f"Metadata: {human_count(labels.matched, 'row')} matched, {human_count(labels.changed, 'picture')} changed."
    )
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


def _summary(report: IngestReport) -> str:
    counts = (
        ("added", report.added),
        ("recognised", report.recognised),
        ("updated", report.updated),
        ("removed", report.removed),
        ("unchanged", report.unchanged),
    )
    told = ", ".join(f"{count:,} {name}" for name, count in counts if count) or "nothing to do"
    if report.dry_run:
        return f"Would be: {told}. Nothing was done."
    rate = f" ({human_rate(report.photos_per_second, unit='photos')})" if report.read else ""
    return f"Done: {told}, in {human_duration(report.seconds)}{rate}."
