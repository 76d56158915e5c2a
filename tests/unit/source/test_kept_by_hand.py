"""What the architecture page says that we keep by hand is there, and as large as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
TABLE = PAGE.partition("## What we keep by hand, and why")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (`.+?) \| ([\d,]+) \| (.+) \|$", TABLE, re.MULTILINE)
LEEWAY = 0.15


def lines_of(place: str) -> int:
    path = (ROOT if place.startswith("web/") else ROOT / "src" / "lookalike") / place
    files = [path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.ts")]
    assert files, f"{place} is not there any more: take it out of the page"
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)


def test_there_are_rows() -> None:
    assert len(ROWS) == len(re.findall(r"^\| `", TABLE, re.MULTILINE)) >= 6


@pytest.mark.parametrize(("what", "lines", "why"), ROWS, ids=[row[0] for row in ROWS])
def test_it_is_as_large_as_the_page_says_and_has_a_reason(what: str, lines: str, why: str) -> None:
    there = sum(lines_of(place) for place in re.findall(r"`([^`]+)`", what))
    assert abs(there - int(lines.replace(",", ""))) <= LEEWAY * there, f"{what} has {there} lines now"
    assert len(why) > 40


def test_the_wire_format_is_as_large_as_the_page_says() -> None:
    said = re.search(r"wire format is (\d+) of the lines", TABLE)
    assert said is not None
    there = lines_of("web/embedding/onnx/wire.ts")
    assert abs(there - int(said[1])) <= LEEWAY * there
