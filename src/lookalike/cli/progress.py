"""Progress of a long run on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, TypeAlias

from lookalike.cli.pace import Pace
from lookalike.presentation.text import human_duration, human_rate

if TYPE_CHECKING:
    from lookalike.cli.session import Session
    from lookalike.ingest.ingest_report import IngestReport

    Progress = Callable[[IngestReport], None]

Counted: TypeAlias = Callable[[int, int], None]
"""Told how many of how many are done."""

LINE_EVERY_S = 5.0

_bar_is_shown = Event()
"""A terminal has one bar at a time: what is counted meanwhile is told in lines above it."""


@contextmanager
def progress_of(session: Session, *, task: str) -> Iterator[Progress | None]:
    """A callback that shows how far an ingest has come; None where people asked for quiet.

    Args:
        session: says whether to be quiet.
        task: what is done, one word or two.
    """
    if session.quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(task, color=session.color) as tell:
            yield tell
    else:
        yield _lines(task)


@contextmanager
def counting(session: Session, *, task: str, things: str = "pictures") -> Iterator[Counted | None]:
    """A callback that shows how many of how many are done; None where people asked for quiet.

    Args:
        session: says whether to be quiet.
        task: what is done, one word or two.
        things: what is counted.
    """
    if session.quiet:
        yield None
    elif sys.stderr.isatty() and not _bar_is_shown.is_set():
        with _counting_bar(task, color=session.color) as tell:
            yield tell
    else:
        yield _count_lines(task, things)


def facts_of(report: IngestReport, pace: Pace) -> str:
    """How far it is, how fast, and how long it will take, as far as that is known."""
    parts = [f"{report.done:,} of {report.total:,} pictures"]
    if (rate := pace.per_second) is not None:
        parts.append(human_rate(rate, unit="photos"))
    if (left_s := pace.estimate_left_s(report.total - report.done)) is not None and report.done < report.total:
        parts.append(f"about {human_duration(left_s)} left")
    if report.failed:
        parts.append(f"{len(report.failed):,} refused")
    return ", ".join(parts)


class _Due:
    """When a line is due: now and then, and at the end of what had lines before."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()
        self._is_open = False

    def __call__(self, done: int, total: int) -> bool:
        now_s = time.monotonic()
        is_due = now_s - self._last_s >= LINE_EVERY_S or (self._is_open and done >= total)
        if is_due:
            self._last_s, self._is_open = now_s, done < total
        return is_due


def _lines(task: str) -> Progress:
    pace, due = Pace(), _Due()

    def tell(report: IngestReport) -> None:
        pace.note(report.done, now_s=time.monotonic())
        if due(report.done, report.total):
            sys.stderr.write(f"{task}: {facts_of(report, pace)}\n")
            sys.stderr.flush()

    return tell


def _count_lines(task: str, things: str) -> Counted:
    due = _Due()

    def tell(done: int, total: int) -> None:
        if due(done, total):
            sys.stderr.write(f"{task}: {done:,} of {total:,} {things}\n")
            sys.stderr.flush()

    return tell


@contextmanager
def _only_bar() -> Iterator[None]:
    _bar_is_shown.set()
    try:
        yield
    finally:
        _bar_is_shown.clear()


@contextmanager
def _counting_bar(task: str, *, color: bool) -> Iterator[Counted]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=not color)
    with _only_bar(), Progress(console=console, transient=True, redirect_stdout=False) as bar:
        shown = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


@contextmanager
def _bar(task: str, *, color: bool) -> Iterator[Progress]:
    # rich takes some 50 ms to import, which is only paid where its bar is seen.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True, no_color=not color)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    pace = Pace()
    with _only_bar(), Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        shown = bar.add_task(task, total=None, facts="looking for pictures")

        def tell(report: IngestReport) -> None:
            pace.note(report.done, now_s=time.monotonic())
            bar.update(shown, total=report.total, completed=report.done, facts=facts_of(report, pace))

        yield tell
