"""The ledger in a PostgreSQL database."""

from lookalike.ledger.postgres.ledger import PostgresLedger, open_postgres_ledger

__all__ = ["PostgresLedger", "open_postgres_ledger"]
