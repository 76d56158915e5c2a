"""The demo's pictures, drawn once: a list beside them says what was made, and that the folder is ours to draw in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lookalike.core.errors import StorageFailed, WouldOverwrite
from lookalike.demo.pictures import MadePicture, Variant, make_pictures

LIST = "pictures.json"
_VERSION = 2  # of what is drawn: another one is drawn anew


def kept_pictures(folder: Path, *, count: int, drawn: Callable[[int, int], None] | None = None) -> list[MadePicture]:
    """The pictures of a demo; those of an earlier call are taken as they lie, if they are as many and all there.

    Args:
        folder: where they lie or will lie.
        count: how many files.
        drawn: as in `make_pictures`.
    Raises:
        BadInput, StorageFailed: as `make_pictures`.
        WouldOverwrite: when the folder holds something and no list: nothing is drawn over what is not ours.
    """
    kept = _list(folder)
    if len(kept) == count and all(picture.path.is_file() for picture in kept):
        return kept
    _begin(folder)
    made = make_pictures(folder, count=count, drawn=drawn)
    rows: list[dict[str, object]] = [
        {
            "path": str(picture.path.relative_to(folder)),
            "family": picture.family,
            "variant": picture.variant.value,
            "of": str(picture.of.relative_to(folder)) if picture.of is not None else None,
            "shown_at": picture.shown_at,
        }
        for picture in made
    ]
    _write_list(folder, rows)
    return made


def _begin(folder: Path) -> None:
    """Say that the folder is ours, before the first picture is drawn."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise StorageFailed(
            f"could not draw into {folder}: {error.strerror or error}; make room there, or choose another folder"
        ) from error
    if there and LIST not in there:
        raise WouldOverwrite(f"{folder} holds files that are not the demo's, and stays as it is: name another folder")
    _write_list(folder, [])


def _write_list(folder: Path, rows: list[dict[str, object]]) -> None:
    try:
        (folder / LIST).write_text(json.dumps({"version": _VERSION, "pictures": rows}, indent=1))
    except OSError as error:
        raise StorageFailed(
            f"could not write {folder / LIST}: {error.strerror or error}; make room there, or choose another folder"
        ) from error


def _list(folder: Path) -> list[MadePicture]:
    try:
        content = json.loads((folder / LIST).read_text())
        rows = content["pictures"] if content["version"] == _VERSION else []
        return [
            MadePicture(
                folder / row["path"],
                row["family"],
                Variant(row["variant"]),
                folder / row["of"] if row["of"] else None,
                tuple(row["shown_at"]) if row["shown_at"] else None,
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or not ours: all are drawn
        return []
