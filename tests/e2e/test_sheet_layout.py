"""The contact sheet as a page in a real browser: at every width nothing overflows, overlaps or is unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import ServiceDown
from lookalike.core.vectors import Pixels
from lookalike.presentation.contact_sheet.card import Card
from lookalike.presentation.contact_sheet.page import contact_sheet_html
from lookalike.service.parity.browser import find_browser

pytest.importorskip("websockets", reason="needs the extra serve")

from tests.chromium import Page, page  # which needs it

WIDTHS = (320, 375, 768, 1280, 2560)
LONG = "a-name-without-any-place-to-break-it-" * 8 + ".jpg"
LINES = [
    "4,000 × 3,000  jpeg  2.1 MB",
    "/home/somebody/Pictures/" + "a folder of some length/" * 6 + LONG,
    "+ 12 alike",
]

FAULTS = """
(() => {
  const faults = [], all = [...document.body.querySelectorAll("*")];
  const wide = document.documentElement.clientWidth;
  const name = one => one.tagName.toLowerCase() + (one.className ? "." + one.className : "") + " " +
    one.textContent.slice(0, 30);
  const box = one => one.getBoundingClientRect();
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
      .map(one => one / 255).map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  if (document.documentElement.scrollWidth > wide) faults.push("the page is wider than the window");
  for (const one of all) {
    const at = box(one);
    if (at.width && (at.left < -0.5 || at.right > wide + 0.5)) faults.push("outside: " + name(one));
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth) faults.push("overflows: " + name(one));
    const says = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!says) continue;
    const style = getComputedStyle(one);
    if (parseFloat(style.fontSize) < 12) faults.push("small: " + name(one) + " " + style.fontSize);
    const [less, more] = [luminance(style.color), luminance(behind(one))].sort((a, b) => a - b);
    if ((more + 0.05) / (less + 0.05) < 4.5) faults.push("faint: " + name(one));
  }
  const hits = [...document.querySelectorAll("li, section, h1")];
  hits.forEach((one, n) => hits.slice(n + 1).forEach(other => {
    if (over(box(one), box(other))) faults.push("overlap: " + name(one) + " / " + name(other));
  }));
  for (const figure of document.querySelectorAll("figure")) {
    const parts = [...figure.querySelectorAll(".mount, meter, figcaption, figcaption small")];
    parts.forEach((one, n) => parts.slice(n + 1).forEach(other => {
      if (!one.contains(other) && over(box(one), box(other))) faults.push("overlap: " + name(one));
    }));
    const mount = box(figure.querySelector(".mount")), image = figure.querySelector("img");
    if (mount.width < 100) faults.push("a narrow picture: " + mount.width);
    if (image && (box(image).width > mount.width + 1 || box(image).height > mount.height + 1)) faults.push("cut");
    if (image && !image.naturalWidth) faults.push("a picture is not shown");
  }
  return faults;
})()
"""


def pixels(width: int, height: int) -> Pixels:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)


def cards(count: int) -> list[Card]:
    """Wide, tall, tiny and usual pictures, and one that is gone; long names, and such as one must not trust."""
    shown = [pixels(2_000, 20), pixels(20, 2_000), pixels(3, 3), pixels(400, 300), None]
    names = [LONG, "b.jpg", "<script>alert(1)</script>\n\x1b[31m.jpg", "漢字" * 60, "תמונה " * 20, "🖼️" * 60]
    return [
        Card(shown[n % 5], f"{n + 1}  {names[n % 6]}", LINES[: n % 4], similarity=1 - n / 200, href="file:///a.jpg")
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    try:
        found = find_browser()
    except ServiceDown as error:
        pytest.skip(str(error))
    with page(found) as shown:
        yield shown


SHEETS = {
    "nothing": contact_sheet_html([], title=f"Looks like {LONG}"),
    "one": contact_sheet_html(cards(1), title="Looks like a.jpg", query=Card(pixels(20, 2_000), LONG, LINES)),
    "many": contact_sheet_html(cards(60), title=f"Looks like {LONG}", query=Card(pixels(2_000, 20), "q.jpg", LINES)),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("sheet", SHEETS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_overflows_overlaps_or_is_unreadable(
    browser: Page, sheet: str, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.show(SHEETS[sheet], width=width, dark=dark)
    browser.picture(tmp_path / f"{sheet}-{width}{'-dark' * dark}.png")
    assert browser.run(FAULTS) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 718, 1_040], ids=["A5", "A4", "A4 across"])
def test_on_paper_it_is_dark_on_white_and_no_picture_is_torn(browser: Page, width: int, dark: bool) -> None:
    browser.show(SHEETS["many"], width=width, medium="print", dark=dark)
    assert browser.run(FAULTS) == []
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert set(
        browser.run("[...document.querySelectorAll('figure')].map(one => getComputedStyle(one).breakInside)")
    ) == {"avoid"}


def test_the_measure_finds_what_is_wrong(browser: Page) -> None:
    """What a sheet must not be, each told by its name."""
    wrong: dict[str, str] = {
        "wider than the window": '<p style="width: 400px; height: 9px"></p>',
        "overflows": '<p style="width: 90px; overflow: hidden">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</p>',
        "small": '<p style="font-size: 9px">a</p>',
        "faint": '<p style="color: #bbb; background: #fff">a</p>',
        "overlap": '<li style="height: 40px">a</li><li style="margin-top: -20px; height: 40px">b</li>',
    }
    for fault, content in wrong.items():
        browser.show(f"<!doctype html><body>{content}</body>", width=320)
        found: list[Any] = browser.run(FAULTS)
        assert any(fault in one for one in found), (fault, found)
