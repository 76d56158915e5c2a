"""The catalog in PostgreSQL: any number of processes and machines read and write it."""

from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.catalog.postgres.catalogs import PostgresCatalogs, open_postgres_catalogs

__all__ = ["PostgresCatalog", "PostgresCatalogs", "open_postgres_catalogs"]
