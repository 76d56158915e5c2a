"""The ledger in a PostgreSQL database."""

from lookalike.ledger.postgres.ledger import TABLES, PostgresLedger, open_postgres_ledger

__all__ = ["TABLES", "PostgresLedger", "open_postgres_ledger"]
