"""Which points of two pictures agree, and the drawing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.collection.open_parts import OpenParts
from lookalike.core.vectors import Pixels
from lookalike.images.decode import decode
from lookalike.images.pictures import Picture, pixels_of_picture
from lookalike.search.understand import whole_picture

if TYPE_CHECKING:
    from lookalike.search.local_features import Match


def match_with(query: Picture, image_id: str, opened: OpenParts) -> Match:
    """Which points of a picture agree with which of one of the collection's; see `Collection.why`."""
    return _match(whole_picture(query, opened.parts, stored=opened.bytes_of), opened.bytes_of(image_id), opened)


def drawing_of(query: Picture, image_id: str, opened: OpenParts) -> Pixels:
    """Both pictures, lines between agreeing points, the query's frame in the other.

    Returns:
        shape (H, W, 3), uint8 RGB, a new array.
    """
    from lookalike.presentation.matches import matches_picture

    ours, theirs = whole_picture(query, opened.parts, stored=opened.bytes_of), opened.bytes_of(image_id)
    drawn = pixels_of_picture(theirs, min_side=None, limits=opened.parts.limits)
    return matches_picture(ours, drawn, _match(ours, theirs, opened))


def _match(query: Pixels, hit: bytes, opened: OpenParts) -> Match:
    from lookalike.search.local_features import HIT_SIDE, why

    seen = decode(hit, min_side=HIT_SIDE, limits=opened.parts.limits)
    return why(query, seen.pixels, hit_size=(seen.width, seen.height))
