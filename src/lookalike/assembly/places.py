"""What lies in the folder of a collection, and in that of a service."""

from __future__ import annotations

import os
from pathlib import Path

from lookalike.core.errors import BadInput, CatalogDamaged, NoCollection
from lookalike.settings.served_collections import CATALOG, OBJECTS, SNAPSHOTS, holds_pictures

MODELS, UPLOADS = "models", "uploads"
"""What lies in the folder of a collection beside its catalog, its objects and its snapshots."""


BUILDING = ("building", "building.lock")
"""What lies there while an index of millions is built, and after a kill."""


COLLECTIONS, LEDGER, SIGNING_KEY = "collections", "service.sqlite", "signing.key"
"""What lies in the folder of a service: the collections that it has made, and beside them its own files."""


EARLIER_LEDGER = ("queue.sqlite", "ledger.sqlite")
"""What earlier versions kept their jobs and uploads in."""


KEYS = "keys.json"
"""The file of keys in a backup."""


def check_there(folder: Path) -> None:
    """Whether a collection is there, by its name alone.

    Raises:
        NoCollection: when there is none.
        BadInput: when it is a file.
    """
    if (folder / CATALOG).is_file():
        return
    _check_no_broken_link(folder)
    if folder.is_file():
        advice = f"name the folder, {folder.parent}" if folder.name == CATALOG else "choose a path where a folder is"
        raise BadInput(f"expected the folder of a collection, but {folder} is a file: {advice}")
    meant = _find_meant(folder)
    raise NoCollection(
        f"there is no collection at {folder}: "
        + (f"did you mean {meant}?" if meant else f"make one with `lookalike index FOLDER -c {folder}`")
    )


def check_not_lost(folder: Path) -> None:
    """Refuse an empty or missing catalog beside what it told of: anew, it would let what is left be swept away.

    Raises:
        CatalogDamaged: when it is so.
    """
    if not holds_pictures(folder):  # which is looked at first: who makes a collection makes the catalog first
        return
    try:
        size_bytes = (folder / CATALOG).stat().st_size
    except FileNotFoundError:
        size_bytes = 0
    except OSError:  # the opening of the catalog says why it cannot be looked at
        return
    if not size_bytes:
        raise CatalogDamaged(
            f"expected the catalog {folder / CATALOG}, but it is empty or gone, and what belongs to it is there: "
            f"restore it from a copy, or move {folder} away to begin anew"
        )


def check_place(folder: Path) -> None:
    """Refuse a place where a collection would lie among other things, such as the photos themselves.

    Raises:
        BadInput: when it is so, or a file is there.
        NoCollection: when it is a link to where nothing is.
    """
    _check_no_broken_link(folder)
    try:
        others = sorted(name for name in os.listdir(folder) if not name.startswith((".", CATALOG)))
    except NotADirectoryError:
        raise BadInput(f"expected the folder of a collection, but {folder} is a file; name another path") from None
    except OSError:  # not there yet, or not to be listed: the opening of the catalog says which
        return
    if set(others) - {OBJECTS, SNAPSHOTS, MODELS, UPLOADS, *BUILDING} and not (folder / CATALOG).exists():
        raise BadInput(
            f"{folder} is no collection, and holds other things ({', '.join(others[:2])}{' …' * (len(others) > 2)}): "
            f"give the collection a folder of its own, for example {folder / 'photos.lookalike'}"
        )


def _check_no_broken_link(folder: Path) -> None:
    if folder.is_symlink() and not folder.exists():
        raise NoCollection(
            f"there is no collection at {folder}: it is a link to {os.readlink(folder)}, where nothing is: "
            "mount the disk that it leads to, or remove the link"
        )


def _find_meant(folder: Path) -> str | None:
    """A collection in the folder, or beside it under nearly the same name."""
    from lookalike.core.meant import entry_meant

    below = sorted(folder.glob(f"*/{CATALOG}"))
    if below:
        return str(below[0].parent)
    return entry_meant(str(folder), fits=lambda path: Path(path, CATALOG).is_file())
