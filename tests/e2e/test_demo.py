"""What `make demo` shows is what its words say."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

import lookalike
from lookalike.cli.demo_searches import LOOKED_AT
from tests.e2e.conftest import Command, Outcome

SHOWN = re.compile(
    r"^What looks like (?P<query>\S+), a (?P<variant>\w+) of (?P<original>\S+)\? (?P=original) comes first\.\n\n"
    r"rank  similarity  picture\n +1 +(?P<similarity>0\.\d{3})  (?P<first>\S+)",
    re.MULTILINE,
)


def test_each_search_that_is_shown_finds_its_original_first(demo_made: tuple[Path, Outcome]) -> None:
    place, outcome = demo_made
    assert outcome.code == 0

    shown = list(SHOWN.finditer(outcome.text))

    assert [one["variant"] for one in shown] == ["crop", "rotation", "screenshot"]
    for one in shown:
        assert Path(one["first"]).name == one["original"]
        assert (place / one["first"]).is_file()
        assert Path(one["query"]).stem == f"{Path(one['original']).stem}-{one['variant']}"
    assert outcome.text.count("What looks like") == 3


def test_as_many_are_told_as_are_shown_and_the_answer_to_ask_for_again_is_the_first(
    demo_made: tuple[Path, Outcome],
) -> None:
    _, outcome = demo_made
    rows = [len(re.findall(r"^ +\d  ", part, re.MULTILINE)) for part in outcome.text.split("What looks like")[1:]]
    assert [int(count) for count in re.findall(r"^(\d+) of [\d,]+ matching", outcome.stderr, re.MULTILINE)] == rows
    shown, again = SHOWN.search(outcome.text), re.search(r"^Ask again: +(.*)$", outcome.text, re.MULTILINE)
    assert shown is not None
    assert again is not None
    assert Path(shlex.split(again[1])[2]).name == shown["query"]


def test_how_many_find_their_original_is_what_a_user_would_count(
    demo_made: tuple[Path, Outcome], command: Command, tmp_path: Path
) -> None:
    place, outcome = demo_made
    told = json.loads(command("demo", place / "demo", "--json").stdout)
    drawn = {
        str(place / "demo" / "pictures" / row["path"]): row
        for row in json.loads((place / "demo" / "pictures" / "pictures.json").read_text())["pictures"]
    }
    first: Counter[str] = Counter()
    with lookalike.open(place / "demo" / "demo.lookalike", read_only=True) as collection:
        for one in told["asked"]:
            row = drawn[one["query"]]
            hits = collection.search(one["query"], k=LOOKED_AT + 1, crop=_crop(row["shown_at"])).hits
            others = [hit for hit in hits if hit.path != one["query"]]
            original = (place / "demo" / "pictures" / row["of"]).read_bytes()
            first[row["variant"]] += Path(others[0].path).read_bytes() == original
            assert (one["rank_of_original"] == 1) == (Path(others[0].path).read_bytes() == original)

    asked = Counter(drawn[one["query"]]["variant"] for one in told["asked"])
    assert asked == {
        variant: count
        for variant, count in Counter(row["variant"] for row in drawn.values()).items()
        if variant in asked
    }
    said = re.search(r"so many find their original first: (.*)\.", outcome.text)
    assert said is not None
    assert said[1] == ", ".join(f"{first[variant]} of {asked[variant]} {variant}s" for variant in asked)
    assert first["screenshot"] == asked["screenshot"]
    assert all(first[variant] > asked[variant] / 2 for variant in asked)


def _crop(part: list[float] | None) -> str | None:
    return None if part is None else ",".join(f"{share:.3f}" for share in part)


def test_where_few_pictures_find_little_the_words_say_so(command: Command, tmp_path: Path) -> None:
    told = json.loads(command("demo", tmp_path / "demo", "--count", "30", "--json").stdout)
    text = command("demo", tmp_path / "demo", "--count", "30").text
    for one in told["searches"]:
        original, rank = Path(one["original"]).name, one["rank_of_original"]
        words = {None: f"{original} is not among the first 20", 1: f"{original} comes first"}
        assert words.get(rank, f"{original} comes as number {rank}") in text


@pytest.mark.parametrize("name", ["contact-sheet.jpg"])
def test_its_files_are_there(demo_made: tuple[Path, Outcome], name: str) -> None:
    assert (demo_made[0] / "demo" / name).stat().st_size > 10_000
