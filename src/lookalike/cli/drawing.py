"""The drawing that shows why two pictures match."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.core.errors import BadInput, StorageFailed

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.results import SearchResult

_KINDS = (".jpg", ".jpeg", ".png")


def draw_why(collection: Collection, query: str | bytes, result: SearchResult, path: str) -> Path:
    """Draw which points of a query agree with which of the first hit.

    Raises:
        BadInput: when nothing was found, the query is not one picture, or the file's name ends in something else.
        MissingExtra: when OpenCV is not installed.
        ImageRefused, NotIndexed, FetchRefused: when one of the two pictures cannot be used.
        StorageFailed: when the file cannot be written.
    """
    target = Path(os.path.expanduser(path))
    if target.suffix.lower() not in _KINDS:
        raise BadInput(f"expected a drawing to end in {', '.join(_KINDS)}, got {target.name!r}")
    if not result.hits:
        raise BadInput("nothing was found that could be drawn beside the query")
    from PIL import Image

    drawing = collection.drawing_of(query, result.hits[0])
    try:
        Image.fromarray(drawing).save(target, quality=92)
    except OSError as error:
        raise StorageFailed(f"the drawing {target} cannot be written: {error.strerror or error}") from error
    return target
