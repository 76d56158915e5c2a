"""The groups of duplicates side by side, as a picture or a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.duplicates import how_it_stands
from lookalike.core.errors import BadInput, ImageRefused, LookalikeError, StorageFailed
from lookalike.presentation.text import human_count, human_size

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.pipelines.duplicates.result import DuplicateGroup, DuplicateMember
    from lookalike.presentation.contact_sheet import Card

_SIDE = 320


def write_sheet(collection: Collection, groups: Sequence[DuplicateGroup], path: str) -> Path:
    """Write a contact sheet of groups, one after the other: kind, size, what is kept and why.

    Raises:
        BadInput: when the name ends in something else than .html, .jpg or .jpeg.
        StorageFailed: when the file cannot be written.
    """
    from lookalike.presentation.contact_sheet import contact_sheet_html, contact_sheet_jpeg

    target = Path(os.path.expanduser(path))
    kind = target.suffix.lower()
    if kind not in (".html", ".htm", ".jpg", ".jpeg"):
        raise BadInput(f"expected a sheet to end in .html or .jpg, got {target.name!r}")
    cards = [_card(collection, n, member) for n, group in enumerate(groups, start=1) for member in group.members]
    title = f"Duplicates: {human_count(len(groups), 'group')}"
    if kind.startswith(".h"):
        data = contact_sheet_html(cards, title=title).encode("utf-8", "backslashreplace")
    else:
        data = contact_sheet_jpeg(cards, title=title)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise StorageFailed(f"the sheet {target} cannot be written: {error.strerror or error}") from error
    return target


def _card(collection: Collection, group: int, member: DuplicateMember) -> Card:
    from lookalike.presentation.contact_sheet import Card

    try:
        pixels = collection.pixels(member.id, min_side=_SIDE)
    except (ImageRefused, LookalikeError):
        pixels = None
    size = f"{member.width} × {member.height}, {human_size(member.size_bytes)}"
    return Card(
        pixels=pixels,
        caption=f"{group}. {os.path.basename(member.path) if member.path is not None else member.id[:10]}",
        lines=(size, how_it_stands(member), member.path or ""),
        href=Path(member.path).as_uri() if member.path is not None else None,
    )
