"""The catalogs that a service has: those in its own folder, and those that it was told of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lookalike.assembly.places import COLLECTIONS
from lookalike.catalog.sqlite.catalogs import SqliteCatalogs
from lookalike.settings.served_collections import CATALOG, holds_pictures


def served_catalogs(home: Path, *, named: Mapping[str, Path] | None = None) -> SqliteCatalogs:
    """The catalogs of the service whose folder that is.

    Args:
        home: that folder.
        named: folders of collections that lie elsewhere, by name.
    """
    return SqliteCatalogs(home / COLLECTIONS, file_name=CATALOG, has_belongings=holds_pictures, named=named)
