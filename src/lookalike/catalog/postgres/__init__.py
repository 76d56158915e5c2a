"""The catalog in PostgreSQL: any number of processes and machines read and write it."""

from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.catalog.postgres.catalogs import LIST, PostgresCatalogs, open_postgres_catalogs

__all__ = ["LIST", "PostgresCatalog", "PostgresCatalogs", "open_postgres_catalogs"]
