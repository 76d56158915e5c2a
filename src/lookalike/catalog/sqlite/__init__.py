"""The catalog in one SQLite file."""

from lookalike.catalog.sqlite.catalog import SqliteCatalog

__all__ = ["SqliteCatalog"]
