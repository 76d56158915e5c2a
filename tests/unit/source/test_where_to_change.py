"""What the page says of where things are changed is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "where-to-change.md"
SOURCE = ROOT / "src" / "lookalike"
CHAPTERS = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]

_QUOTED = re.compile(r"`([^`]+)`")
_PATH = re.compile(r"[a-z_/]+(?:/[a-z_.-]*)?\.(?:py|tsx?|md|json)|[a-z_/0-9]+/")
_NAME = re.compile(r"_?[A-Z][A-Za-z_]+|[a-z_]+")


def located(path: str) -> Path:
    """Where a path of the page leads."""
    return (ROOT if path.startswith(("tests/", "web/", "docs/")) else SOURCE) / path


def quoted(chapter: str) -> list[str]:
    return [one.replace("\n", " ") for one in _QUOTED.findall(chapter)]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.partition("\n")[0])
def test_every_place_that_is_named_is_there(chapter: str) -> None:
    paths = [one for one in quoted(chapter) if _PATH.fullmatch(one) or "/" in one]
    assert len(paths) >= 2
    assert [one for one in paths if not located(one).exists()] == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.partition("\n")[0])
def test_every_name_is_in_a_file_that_stands_with_it(chapter: str) -> None:
    for point in re.split(r"^\d\. ", chapter, flags=re.MULTILINE)[1:]:
        words = quoted(point)
        files = [located(one) for one in words if "/" in one]
        texts = [
            file.read_text("utf-8")
            for place in files
            for file in ([place] if place.is_file() else sorted(place.glob("*.py")))
        ]
        names = [one for one in words if _NAME.fullmatch(one) and one not in {"base", "NAME_command"}]
        assert [name for name in names if files and not any(name in text for text in texts)] == []


@pytest.mark.parametrize(
    ("title", "engines"),
    [
        ("A catalog on another database", r"catalog\.(?:sqlite|memory|postgres)"),
        ("An engine of indexes", r"index\.(?:exact|faiss|gpu)"),
        ("A queue on another broker", r"dispatch\.(?!base)\w+"),
        ("Another object store", r"objects\.(?:local|memory|s3)"),
    ],
)
def test_every_file_that_picks_an_engine_is_named(title: str, engines: str) -> None:
    (chapter,) = [one for one in CHAPTERS if one.startswith(title)]
    picks = re.compile(rf"^ *from lookalike\.{engines}", re.MULTILINE)
    picking = [
        f"assembly/{one.name}" for one in sorted((SOURCE / "assembly").glob("*.py")) if picks.search(one.read_text())
    ]
    assert picking
    assert [one for one in picking if one not in chapter] == []


def test_a_chapter_has_ten_lines_at_most() -> None:
    lines = {chapter.partition("\n")[0]: len(chapter.strip().splitlines()) - 1 for chapter in CHAPTERS}
    assert {title: count for title, count in lines.items() if count > 10} == {}


def test_the_ten_questions_are_answered() -> None:
    assert len(CHAPTERS) == 10
