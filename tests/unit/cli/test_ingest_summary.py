"""What people are told at the end of an ingest: every outcome has its line, and a name cannot break out of it."""

from __future__ import annotations

import sys

import pytest

from lookalike.cli.ingest_summary import MOST_ON_A_TERMINAL, report_as_json, tell_labels, tell_report
from lookalike.cli.session import Session
from lookalike.images.candidates import PassedOverAs
from lookalike.images.refusals import BY_A_LIMIT, RefusalCode
from lookalike.ingest.ingest_report import Failure, IngestReport
from lookalike.ingest.metadata import MetadataReport, UnusedRow
from lookalike.ingest.passed_over import MOST_EXAMPLES, PassedOver
from lookalike.ingest.prune import KeptFolder

Said = pytest.CaptureFixture[str]


def told(report: IngestReport, said: Said) -> list[str]:
    tell_report(report, Session())
    streams = said.readouterr()
    assert streams.out == ""  # which is for programs
    return streams.err.splitlines()


def passed_over(**paths: list[str]) -> PassedOver:
    passed = PassedOver()
    for reason, some in paths.items():
        for path in some:
            passed.add(path, PassedOverAs[reason])
    return passed


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (IngestReport(added=1_200, total=1_200, seconds=4.0), "Done: 1,200 added, in 4.0 s (300 photos/s)."),
        (IngestReport(unchanged=3, total=3, seconds=0.004), "Done: 3 unchanged, in 4.0 ms."),
        (
            IngestReport(added=1, recognised=2, updated=3, removed=4, unchanged=5, total=11, seconds=2),
            "Done: 1 added, 2 recognised, 3 updated, 4 removed, 5 unchanged, in 2.0 s (3.0 photos/s).",
        ),
        (IngestReport(seconds=0.001), "Done: no pictures were found there, in 1.0 ms."),
        (IngestReport(total=2, seconds=0.001), "Done: nothing to do, in 1.0 ms."),
        (IngestReport(added=2, total=2, dry_run=True), "Would be: 2 added. Nothing was done."),
        (IngestReport(dry_run=True), "Would be: no pictures were found there. Nothing was done."),
        (IngestReport(added=2, total=2), "Done: 2 added, in 0.0 ms (0.0 photos/s)."),
    ],
)
def test_what_was_done_is_one_line(report: IngestReport, line: str, capsys: Said) -> None:
    assert told(report, capsys) == [line]


def test_what_is_missing_or_came_back_is_told_only_where_it_is_so(capsys: Said) -> None:
    report = IngestReport(added=1, total=1, seconds=1, labels_returned=1, without_date=2, cut_short=["/a/b.jpg"])
    assert told(report, capsys)[1:] == [
        "Labels returned with 1 picture.",
        "Without a date: 2 pictures of the collection.",
        "Taken in although cut short, for only the end marker is missing: 1 file.",
        "  /a/b.jpg",
    ]
    assert told(IngestReport(unchanged=1, total=1, seconds=1, without_date=2), capsys)[1:] == []  # told once already


def test_a_refusal_is_told_with_its_code_and_what_to_do_only_about_a_limit(capsys: Said) -> None:
    limit = sorted(BY_A_LIMIT)[0]
    damaged = Failure("/a/b.jpg", "the file ends early", RefusalCode.TRUNCATED)
    assert told(IngestReport(failed=[damaged], total=1, seconds=1), capsys)[1:] == [
        "Refused 1 file:",
        "  /a/b.jpg: the file ends early (truncated)",
    ]
    lines = told(IngestReport(failed=[damaged, Failure("/c.png", "too large", limit)], total=2, seconds=1), capsys)
    assert lines[1] == "Refused 2 files:"
    assert "--retry-refused" in lines[-1]


def test_of_many_lines_a_terminal_gets_the_first_and_a_file_all(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Failure(f"/{n}.jpg", "no", RefusalCode.DAMAGED) for n in range(MOST_ON_A_TERMINAL + 3)]
    report = IngestReport(failed=many, total=len(many), seconds=1)
    assert len(told(report, capsys)) == 2 + len(many)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    lines = told(report, capsys)
    assert len(lines) == 2 + MOST_ON_A_TERMINAL + 1
    assert lines[-1] == "  and 3 more: --json lists all"


def test_a_folder_that_is_kept_says_how_to_forget_it_whatever_its_name_is(capsys: Said) -> None:
    kept = KeptFolder("/media/my card", 3, "it is empty, as where nothing is mounted")
    assert told(IngestReport(kept=[kept], total=1, seconds=1), capsys)[1:] == [
        "  Kept 3 files below /media/my card: it is empty, as where nothing is mounted. If it is gone for good: "
        "--prune --forget '/media/my card'"
    ]


@pytest.mark.parametrize("name", ["a\nDone: 9 added", "a\x1b[2Jb", "a\u202eb", "a\udcffb"])
def test_no_name_breaks_out_of_its_line(name: str, capsys: Said) -> None:
    report = IngestReport(
        failed=[Failure(f"/{name}", "no", RefusalCode.DAMAGED)],
        cut_short=[f"/{name}"],
        kept=[KeptFolder(f"/{name}", 1, "no")],
        unmatched_patterns=[name],
        unmatched_forget=[name],
        passed_over=passed_over(CAMERA_RAW=[f"/{name}"]),
        total=1,
        seconds=1,
    )
    lines = told(report, capsys)
    assert len(lines) == 9
    assert all(line.isprintable() for line in lines)


def test_what_was_passed_over_is_counted_the_most_first_and_named_where_somebody_may_miss_it(capsys: Said) -> None:
    passed = passed_over(
        VIDEO=["/v/1.mp4", "/v/2.mp4"], CAMERA_RAW=["/r/1.nef", "/r/2.nef", "/r/3.nef"], OTHER=["/o/notes"]
    )
    assert told(IngestReport(added=1, total=1, seconds=1, passed_over=passed), capsys)[1:] == [
        "Passed over 6: 3 camera raw (1.nef, 2.nef, …), 2 video, 1 other file (notes)."
    ]
    lines = told(IngestReport(seconds=1, passed_over=passed), capsys)
    assert lines[-1] == "None of the pictures there can be used: convert them to JPEG, PNG or TIFF first."


def test_only_a_few_examples_are_kept_and_all_are_counted() -> None:
    passed = passed_over(CAMERA_RAW=[f"/{n}.nef" for n in range(50)], VIDEO=["/a.mp4"])
    assert (passed.total, passed.pictures) == (51, 50)
    assert passed.examples["camera_raw"] == [f"/{n}.nef" for n in range(MOST_EXAMPLES)]


def test_rows_that_were_not_used_are_named_with_their_lines(capsys: Said) -> None:
    labels = MetadataReport(
        matched=1,
        changed=2,
        unused=[UnusedRow(7, "a\nb.jpg", "no such picture")],
        without_row=5,
        without_row_examples=["/1.jpg", "/2\n.jpg", "/3.jpg", "/4.jpg"],
    )
    tell_labels(labels, Session())
    assert capsys.readouterr().err.splitlines() == [
        "Metadata: 1 row matched, 2 pictures changed.",
        r"Without a row: 5 pictures, such as /1.jpg, /2\n.jpg, /3.jpg",
        "Not used 1 row:",
        r"  row 7, a\nb.jpg: no such picture",
    ]


def test_who_asked_for_quiet_is_told_nothing(capsys: Said) -> None:
    tell_report(IngestReport(added=1, total=1, seconds=1), Session(quiet=True))
    assert capsys.readouterr() == ("", "")


def test_programs_get_counts_under_fixed_names() -> None:
    report = IngestReport(added=3, total=9, labelled=4, seconds=1.23456, failed=[Failure("/a", "no", "damaged")])
    facts = report_as_json(report, None)
    assert (facts["added"], facts["seconds"], facts["photos_per_second"]) == (3, 1.235, 2.4)
    assert facts["failed"] == [{"path": "/a", "reason": "no", "code": "damaged"}]
    assert not {"total", "labelled", "metadata"} & facts.keys()
    with_labels = report_as_json(report, MetadataReport(matched=2, changed=1))
    assert with_labels == {
        **facts,
        "metadata": {
            "matched": 2, "changed": 1, "updated": 1, "unused": [], "without_row": 0, "without_row_examples": [],
        },
    }  # fmt: skip
