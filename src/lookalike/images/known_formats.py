"""The formats that are decoded: what lies in `images/formats/`. Everything that lists formats asks here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from lookalike.images import formats
from lookalike.images.picture_format import PictureFormat

_MOST_PICTURES = "jpeg"


@cache
def picture_formats() -> Mapping[str, PictureFormat]:
    """Every format by its name, in the order of the names. They are imported when they are first asked for."""
    return MappingProxyType({one.name: one for one in map(_format, format_names())})


def formats_in_turn() -> Iterator[PictureFormat]:
    """Every format, that of most pictures first; each is imported when its turn comes."""
    yield _format(_MOST_PICTURES)
    yield from (_format(name) for name in format_names() if name != _MOST_PICTURES)


@cache
def format_names() -> tuple[str, ...]:
    """The names of all formats, sorted; none is imported."""
    files = {name for folder in formats.__path__ for name in os.listdir(folder) if name.endswith(".py")}
    return tuple(sorted(name.removesuffix(".py") for name in files if not name.startswith("_")))


def _format(name: str) -> PictureFormat:
    found: PictureFormat = import_module(f"{formats.__name__}.{name}").FORMAT
    return found


@cache
def picture_extensions() -> frozenset[str]:
    """What the names of pictures end in, in small letters, without the dot."""
    return frozenset(ending for one in picture_formats().values() for ending in one.extensions)


def media_type_of(name: str) -> str:
    """Under which a picture of a format is given out; bytes of no known kind for a format that is not decoded here."""
    known = picture_formats().get(name)
    return "application/octet-stream" if known is None else known.media_type


def titles() -> str:
    """Every format as people write it, in one line: `AVIF, BMP, GIF`."""
    return ", ".join(one.title for one in picture_formats().values())
