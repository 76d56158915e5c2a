"""The ledger in one SQLite file."""

from lookalike.ledger.sqlite.ledger import SqliteLedger

__all__ = ["SqliteLedger"]
