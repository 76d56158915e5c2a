"""A toy: a catalog of its own name, as one on another database would be, over the tables in memory."""

from __future__ import annotations

from lookalike.catalog.memory import MemoryCatalog


class ShelfCatalog(MemoryCatalog):
    """See `lookalike.catalog.base.Catalog`."""
