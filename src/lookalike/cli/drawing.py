"""The files that a search writes beside its answer: the contact sheet, and the drawing of why two pictures match."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.collection.hosting import hosting
from lookalike.core.errors import BadInput
from lookalike.storage.output_file import OutputKind, check_output, write_output

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.results import SearchResult

_MARK = "Lookalike drawing"
DRAWING = OutputKind(
    "a drawing",
    (".jpg", ".jpeg", ".png"),
    (b"\xff\xfe\x00\x13" + _MARK.encode(), b"tEXtSoftware\0" + _MARK.encode()),
)
"""A JPEG's comment, a PNG's text."""


def check_outputs(collection: Collection, query: str, *, why: str | None, sheet: str | None, force: bool) -> None:
    """Refuse, before anything is searched, what must not be written in the end. Errors are those of `check_output`."""
    from lookalike.presentation.contact_sheet import CONTACT_SHEET

    precious = hosting(collection).precious(query)
    for path, kind in ((why, DRAWING), (sheet, CONTACT_SHEET)):
        if path is not None:
            check_output(path, kind=kind, precious=precious, force=force)


def draw_why(
    collection: Collection, query: str, asked: str | bytes, result: SearchResult, path: str, *, force: bool
) -> Path:
    """Draw which points of the query agree with which of the first hit.

    Args:
        collection: that was searched.
        query: as it was typed.
        asked: the same, or what came on standard input.
        result: the answer.
        path: ends in .jpg or .png.
        force: replace whatever file is there.
    Raises:
        BadInput: when nothing was found, the query is not one picture, or the file's name ends in something else.
        WouldOverwrite: when something else than an earlier drawing is there.
        MissingExtra: when OpenCV is not installed.
        ImageRefused, NotIndexed, FetchRefused: when one of the two pictures cannot be used.
        StorageFailed: when the file cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if not result.hits:
        raise BadInput(
            "there is no answer that could be drawn beside the query; index pictures that resemble it, or "
            "lower --min-confidence"
        )
    target = Path(os.path.expanduser(path))
    drawing, buffer = Image.fromarray(collection.drawing_of(asked, result.hits[0])), io.BytesIO()
    if target.suffix.lower() == ".png":
        marked = PngInfo()
        marked.add_text("Software", _MARK)
        drawing.save(buffer, "PNG", pnginfo=marked)
    else:
        drawing.save(buffer, "JPEG", quality=92, comment=_MARK.encode())
    write_output(target, buffer.getvalue(), kind=DRAWING, precious=hosting(collection).precious(query), force=force)
    return target
