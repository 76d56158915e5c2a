"""The catalog in one SQLite file."""

from lookalike.catalog.sqlite.alone import nobody_writing
from lookalike.catalog.sqlite.catalog import SqliteCatalog

__all__ = ["SqliteCatalog", "nobody_writing"]
