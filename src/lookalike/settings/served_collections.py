"""Which collections are served, and under which names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from lookalike.core.errors import BadInput, StorageFailed

SUFFIX = ".lookalike"
CATALOG = "catalog.sqlite"
"""What a folder holds that is a collection."""

OBJECTS, SNAPSHOTS = "objects", "snapshots"
"""Of what lies beside the catalog, what tells that there was one."""

LONGEST_NAME = 64


def is_collection(folder: Path) -> bool:
    """Whether a collection is there, also one that has lost its catalog."""
    return os.path.isfile(folder / CATALOG) or holds_pictures(folder)


def holds_pictures(folder: Path) -> bool:
    """Whether bytes of pictures or an index lie there."""
    return os.path.exists(folder / SNAPSHOTS / "CURRENT") or any((folder / OBJECTS).glob("[0-9a-f][0-9a-f]/[0-9a-f]*"))


def name_in_urls(folder: Path) -> str:
    """The name of a collection in URLs: `My Photos.lookalike` is `my-photos`."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", folder.name.removesuffix(SUFFIX).lower())
    return plain.lstrip("._-")[:LONGEST_NAME].rstrip("-") or "collection"


def collections_in(home: Path) -> dict[str, Path]:
    """Folders by name of the collections that lie in a folder; none where that is not there.

    Raises:
        BadInput: when two have the same name.
        StorageFailed: when it cannot be read.
    """
    try:
        folders = sorted(folder for folder in home.glob("*") if is_collection(folder))
    except OSError as error:
        raise StorageFailed(
            f"{home} cannot be read: {error.strerror or error}; repair its permissions, or choose another with --home"
        ) from error
    found: dict[str, Path] = {}
    for folder in folders:
        found = add_named(folder, beside=found)
    return found


def add_named(folder: Path, *, beside: Mapping[str, Path]) -> dict[str, Path]:
    """Add a collection to others.

    Raises:
        BadInput: when another one has its name.
    """
    name = name_in_urls(folder)
    if name in beside and beside[name] != folder:
        raise BadInput(f"expected names that differ, but {beside[name]} and {folder} are both {name!r}; rename one")
    return {**beside, name: folder}
