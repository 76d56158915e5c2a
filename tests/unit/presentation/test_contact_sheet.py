"""Contact sheets: everything shown, nothing run, hostile names harmless."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.presentation.contact_sheet import (
    Card,
    contact_sheet,
    contact_sheet_html,
    contact_sheet_jpeg,
    notebook_grid,
)
from lookalike.presentation.contact_sheet.image import QUERY_BAND, drawable

RED = np.full((30, 40, 3), (200, 0, 0), np.uint8)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    os.fsdecode(b"\xff\xfe.jpg"),
    "a\nb\x1b[31m",
    "漢字\u202e🦊",
    "",
    "x" * 900,
]


class Tags(HTMLParser):
    """Collects the tags and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def a_card(*, caption: str = "1  cat.jpg", href: str | None = None) -> Card:
    return Card(RED, caption, lines=("640 x 480",), similarity=0.93, href=href)


def test_a_sheet_is_a_jpeg_that_grows_with_its_rows() -> None:
    heights = []
    for count in (1, 3, 4):
        with Image.open(io.BytesIO(contact_sheet_jpeg([a_card()] * count, title="cats", columns=3))) as image:
            assert image.format == "JPEG"
            heights.append(image.height)
    assert heights[0] == heights[1] < heights[2]


def test_the_query_stands_first_in_a_band_of_its_own() -> None:
    with_query = contact_sheet([a_card()], title="cats", query=Card(RED, "query.jpg"), columns=2)
    without = contact_sheet([a_card()], title="cats", columns=2)
    assert with_query.shape[0] > without.shape[0]
    band = (with_query[:, -1] == QUERY_BAND).all(axis=1)
    red = (with_query == (200, 0, 0)).all(axis=2).any(axis=1)
    assert band.any()
    assert not (without == QUERY_BAND).all(axis=2).any()
    assert (red & band).any()
    assert (red & ~band).any()


def test_a_picture_that_is_gone_leaves_a_grey_card() -> None:
    sheet = contact_sheet([Card(None, "1  lost.jpg", similarity=0.5)], title="t", columns=1)
    assert not (sheet == (200, 0, 0)).all(axis=2).any()
    assert "file is gone" in contact_sheet_html([Card(None, "lost")], title="t")
    assert "file is gone" in notebook_grid([Card(None, "lost")])


def test_no_cards_make_a_sheet_that_says_so() -> None:
    assert contact_sheet([], title="t").shape[2] == 3
    assert "nothing found" in contact_sheet_html([], title="t")
    assert "nothing found" in notebook_grid([])


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:30]))
def test_hostile_names_are_shown_as_text_everywhere(name: str) -> None:
    card = Card(RED, name, lines=(name, name), similarity=0.9, href=name)
    contact_sheet([card], title=name, query=card, columns=1)
    for page in (contact_sheet_html([card], title=name, query=card), notebook_grid([card])):
        page.encode("utf-8")
        tags = Tags(page)
        assert "script" not in tags.names
        assert not [key for key, _ in tags.attributes if key.startswith("on")]
        assert "a" not in tags.names


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:x",
        "java\nscript:x",
        "data:text/html,x",
        "//evil/x",
        "file:///a b",
        "https://a\x00b",
    ],
    ids=ascii,
)
def test_a_dangerous_link_is_not_made(href: str) -> None:
    assert "<a " not in contact_sheet_html([a_card(href=href)], title="t") + notebook_grid([a_card(href=href)])


@pytest.mark.parametrize("href", ["file:///home/me/a%20b.jpg", "https://example.org/?a=1&b='2'", "HTTP://example.org"])
def test_a_plain_link_is_made(href: str) -> None:
    for page in (contact_sheet_html([a_card(href=href)], title="t"), notebook_grid([a_card(href=href)])):
        assert ("href", href) in Tags(page).attributes


def test_a_page_loads_nothing_from_outside_and_its_policy_allows_exactly_its_style() -> None:
    page = contact_sheet_html([a_card()], title="cats & dogs", query=a_card(caption="query"))
    tags = Tags(page)
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [value for key, value in tags.attributes if key == "content" and value and "default-src" in value]
    assert (
        policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "prefers-color-scheme: dark" in style
    assert all(value and value.startswith("data:image/jpeg;base64,") for key, value in tags.attributes if key == "src")
    assert not [key for key, _ in tags.attributes if key == "style"]
    assert "<title>cats &amp; dogs</title>" in page
    assert page.index('alt="query"') < page.index('alt="1  cat.jpg"')


def test_thumbnails_are_small_and_keep_their_proportions() -> None:
    large = Card(np.zeros((1000, 2000, 3), np.uint8), "large")
    assert 'width="320" height="160"' in contact_sheet_html([large], title="t")


def test_a_notebook_grid_is_a_fragment_without_script_or_style_sheet() -> None:
    grid = notebook_grid([a_card(), a_card()])
    assert grid.startswith("<div")
    assert {"html", "script", "style", "link"}.isdisjoint(Tags(grid).names)
    assert grid.count("<img") == 2
    assert "0.930" in grid


def test_what_the_font_cannot_draw_loses_its_accents_or_is_escaped_visibly() -> None:
    assert drawable("caf\u00e9-e\u0301t\u00e9.jpg") == "cafe-ete.jpg"
    assert drawable("漢.jpg") == r"\u6f22.jpg"


def test_impossible_layouts_are_refused() -> None:
    with pytest.raises(BadInput, match="1 to 20 columns"):
        contact_sheet([], title="t", columns=0)
    with pytest.raises(BadInput, match="too high"):
        contact_sheet([a_card()] * 400, title="t", columns=1)
