"""The contact sheet as one web page without any script, and as a grid in a notebook.

Names of files are hostile until proven otherwise: everything is escaped, only three kinds of links are made, and
the page forbids itself (by its Content-Security-Policy) to load or run anything but its own pictures and style.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from html import escape

from lookalike.presentation.contact_sheet.card import GONE, Card, thumbnail
from lookalike.presentation.contact_sheet.kind import HTML_GENERATOR
from lookalike.presentation.text import safe

LINKED = re.compile(r"(https?://|file:///)[^\s\x00-\x20\x7f]+", re.IGNORECASE)
PAGE_PX, NOTEBOOK_PX = 320, 180  # longest side of a thumbnail
JPEG_QUALITY = 82

STYLE = """
:root { color-scheme: light dark; --paper: #f6f6f3; --mount: #e9e9e5; --ink: #212429; --faint: #5d636b;
  --band: #e2e8f1; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #17191c; --mount: #24272c; --ink: #e8e9eb; --faint: #a0a6ae; --band: #202a38; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.4 system-ui, sans-serif; }
@media print {
  :root { color-scheme: only light; --paper: #fff; --mount: #fff; --ink: #000; --faint: #444; --band: #fff; }
  .hits { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
}
h1, main > p { margin: 1.2rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
.query { background: var(--band); padding: 1.2rem; }
.query figure { max-width: 20rem; }
.hits { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.2rem; margin: 1.2rem;
  padding: 0; list-style: none; }
figure { margin: 0; break-inside: avoid; }
.mount { position: relative; display: grid; place-items: center; aspect-ratio: 4 / 3;
  background: var(--mount); color: var(--faint); border-radius: 4px; overflow: hidden; }
.mount img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: scale-down; }
figcaption { margin-top: 0.25rem; overflow-wrap: anywhere; }
figcaption small { display: block; color: var(--faint); }
meter { width: 100%; height: 0.6rem; display: block; margin-top: 0.25rem; }
a { color: inherit; }
"""


def contact_sheet_html(cards: Sequence[Card], *, title: str, query: Card | None = None) -> str:
    """Write a contact sheet as a page that holds everything it shows.

    Args:
        cards: best first; may be empty.
        title: heading and title of the page; need not be safe.
        query: the picture that was asked with, shown first in a band of its own.
    Returns:
        an HTML document of ASCII and whatever printable characters the names hold, to be saved as UTF-8.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    heading = _escape(title)
    asked = f'<section class="query" aria-label="query">\n{_figure(query)}\n</section>\n' if query else ""
    hits = "\n".join(f"<li>{_figure(card)}</li>" for card in cards)
    listed = f'<ol class="hits">\n{hits}\n</ol>' if cards else "<p>nothing found</p>"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{HTML_GENERATOR}\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{heading}</h1>\n{asked}<main>\n{listed}\n</main>\n</body>\n</html>\n"
    )


def notebook_grid(cards: Sequence[Card], *, title: str = "") -> str:
    """Write cards as an HTML fragment for `_repr_html_`: no script, styles inline, at home in light and dark.

    Args:
        cards: best first; may be empty.
        title: stands above them.
    """
    if not cards:
        return "<p>nothing found</p>"
    above = f"<p>{_escape(title)}</p>\n" if title else ""
    cells = "\n".join(_cell(card) for card in cards)
    return f'{above}<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start">\n{cells}\n</div>'


def _figure(card: Card) -> str:
    picture = _image(card, PAGE_PX) if card.pixels is not None else f"<span>{GONE}</span>"
    similarity, meter = "", ""
    if card.similarity is not None:
        similarity = f"<small>similarity {card.similarity:.3f}</small>"
        share = min(max(card.similarity, 0.0), 1.0)
        meter = f'<meter min="0" max="1" value="{share:.4f}" aria-label="similarity"></meter>'
    lines = "".join(f"<small>{_escape(line)}</small>" for line in card.lines)
    picture = _link(f'<div class="mount">{picture}</div>', card.href)
    return f"<figure>{picture}{meter}<figcaption>{_escape(card.caption)}{similarity}{lines}</figcaption></figure>"


def _cell(card: Card) -> str:
    if card.pixels is not None:
        picture = _image(card, NOTEBOOK_PX, style="max-width:100%;max-height:100%")
    else:
        picture = f'<span style="opacity:.6">{GONE}</span>'
    figure = [] if card.similarity is None else [f"{card.similarity:.3f}"]
    small = "".join(f'<div style="font-size:.85em;opacity:.7">{_escape(line)}</div>' for line in [*figure, *card.lines])
    mount = (
        f'<div style="width:{NOTEBOOK_PX}px;height:{NOTEBOOK_PX * 3 // 4}px;display:flex;align-items:center;'
        f'justify-content:center;background:rgba(128,128,128,.15);border-radius:4px">{picture}</div>'
    )
    return (
        f'<div style="width:{NOTEBOOK_PX}px;overflow-wrap:anywhere;text-align:left">'
        f"{_link(mount, card.href)}<div>{_escape(card.caption)}</div>{small}</div>"
    )


def _image(card: Card, side: int, *, style: str = "") -> str:
    if card.pixels is None:
        return ""
    buffer = io.BytesIO()
    shown = thumbnail(card.pixels, width=side, height=side)
    shown.save(buffer, "JPEG", quality=JPEG_QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    styled = f' style="{style}"' if style else ""
    size = f'width="{shown.width}" height="{shown.height}"'
    return f'<img src="data:image/jpeg;base64,{data}" alt="{_escape(card.caption)}" {size}{styled}>'


def _link(content: str, href: str | None) -> str:
    if href is None or not href.isprintable() or not LINKED.fullmatch(href):
        return content
    return f'<a href="{escape(href)}" rel="noreferrer">{content}</a>'


def _escape(text: str) -> str:
    return escape(safe(text))
