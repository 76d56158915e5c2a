"""The groups of duplicates side by side, as a picture or a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.duplicate_words import how_it_stands
from lookalike.collection.hosting import hosting
from lookalike.core.errors import ImageRefused, NotIndexed
from lookalike.presentation.text import human_count, human_size
from lookalike.storage.output_file import check_output, write_output

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.duplicates.result import DuplicateGroup, DuplicateMember
    from lookalike.presentation.contact_sheet import Card

_SIDE = 320


def write_sheet(collection: Collection, groups: Sequence[DuplicateGroup], path: str, *, force: bool) -> Path:
    """Write a contact sheet of groups, one after the other: kind, size, what is kept and why.

    Raises:
        BadInput: when the name ends in something else than .html or .jpg, or there are too many for a picture.
        WouldOverwrite: when something else than an earlier sheet is there.
        StorageFailed: when the file cannot be written.
    """
    from lookalike.presentation.contact_sheet import CONTACT_SHEET, contact_sheet_html, contact_sheet_jpeg

    target, precious = Path(os.path.expanduser(path)), hosting(collection).precious(None)
    check_output(target, kind=CONTACT_SHEET, precious=precious, force=force)
    cards = [_card(collection, n, member) for n, group in enumerate(groups, start=1) for member in group.members]
    title = f"Duplicates: {human_count(len(groups), 'group')}"
    if target.suffix.lower() in (".html", ".htm"):
        content = contact_sheet_html(cards, title=title).encode("utf-8")
    else:
        content = contact_sheet_jpeg(cards, title=title)
    write_output(target, content, kind=CONTACT_SHEET, precious=precious, force=force)
    return target


def _card(collection: Collection, group: int, member: DuplicateMember) -> Card:
    from lookalike.presentation.contact_sheet import Card

    try:
        pixels = collection.pictures.thumbnail(member.id, min_side=_SIDE)
    except (ImageRefused, NotIndexed):
        pixels = None
    size = f"{member.width} × {member.height}, {human_size(member.size_bytes)}"
    return Card(
        pixels=pixels,
        caption=f"{group}. {os.path.basename(member.path) if member.path is not None else member.id[:10]}",
        lines=(size, how_it_stands(member), member.path or ""),
        href=Path(member.path).as_uri() if member.path is not None else None,
    )
