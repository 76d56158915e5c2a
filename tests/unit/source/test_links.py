"""Links between the documents lead somewhere, and every how-to is found from the list of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOWTOS = ROOT / "docs" / "howto"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")


def links_of(page: Path) -> set[Path]:
    """The files that a page links to, without those of other machines."""
    named = [link.partition("#")[0] for link in _LINK.findall(page.read_text("utf-8"))]
    return {(page.parent / name).resolve() for name in named if name and not _ELSEWHERE.match(name)}


def test_every_how_to_is_linked_from_the_list() -> None:
    index = HOWTOS / "index.md"
    assert set(HOWTOS.glob("*.md")) - links_of(index) == {index}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_links_to_what_is_not_there(page: Path) -> None:
    assert [str(there) for there in sorted(links_of(page)) if not there.exists()] == []


def test_links_between_pages_are_seen() -> None:
    assert len({there for page in PAGES for there in links_of(page)}) > len(list(HOWTOS.glob("*.md")))
