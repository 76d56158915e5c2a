"""Progress without a terminal: a line now and then."""

from __future__ import annotations

import pytest

from lookalike.cli.pace import Pace
from lookalike.cli.progress import counting, facts_of, progress_of
from lookalike.cli.session import Session
from lookalike.ingest.ingest_report import Failure, IngestReport


def test_facts_name_what_is_known_and_nothing_else() -> None:
    report = IngestReport(added=100, total=1300)
    pace = Pace()
    assert facts_of(report, pace) == "100 of 1,300 pictures"
    pace.note(0, now_s=0.0)
    pace.note(100, now_s=10.0)
    report.failed.append(Failure("a", "b", "c"))
    assert facts_of(report, pace) == "101 of 1,300 pictures, 10 photos/s, about 2 min 0 s left, 1 refused"


def test_quiet_has_no_callback() -> None:
    with progress_of(Session(quiet=True), task="Indexing") as tell, counting(Session(quiet=True), task="x") as count:
        assert tell is None
        assert count is None


def test_lines_come_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("lookalike.cli.progress.time.monotonic", lambda: now_s)
    with progress_of(Session(), task="Indexing") as tell, counting(Session(), task="Drawing") as count:
        assert tell is not None
        assert count is not None
        for second in range(12):
            now_s = float(second)
            tell(IngestReport(added=10 * second, total=1000))
            count(second, 12)
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        "Indexing: 50 of 1,000 pictures, 10 photos/s, about 1 min 35 s left",
        "Drawing: 5 of 12 pictures",
        "Indexing: 100 of 1,000 pictures, 10 photos/s, about 1 min 30 s left",
        "Drawing: 10 of 12 pictures",
    ]


def test_what_had_a_line_has_a_last_one_and_what_was_quick_has_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr("lookalike.cli.progress.time.monotonic", lambda: now_s)
    with progress_of(Session(), task="Indexing") as tell, counting(Session(), task="Drawing") as count:
        assert tell is not None
        assert count is not None
        for second in range(8):
            now_s = float(second)
            tell(IngestReport(added=10 * second, total=70))
            count(second, 7)
        tell(IngestReport(added=70, total=70))
        count(7, 7)
    with counting(Session(), task="Quick") as count:
        assert count is not None
        count(7, 7)
    shown = capsys.readouterr().err.splitlines()
    assert [line for line in shown if line.startswith("Drawing")] == [
        "Drawing: 5 of 7 pictures",
        "Drawing: 7 of 7 pictures",
    ]
    assert [line.split(",")[0] for line in shown if line.startswith("Indexing")] == [
        "Indexing: 50 of 70 pictures",
        "Indexing: 70 of 70 pictures",
    ]
    assert not any(line.startswith("Quick") for line in shown)
