"""Jobs in a SQLite file, which is that of the ledger they belong to."""

from lookalike.jobs.sqlite.jobs import SqliteJobs
from lookalike.jobs.sqlite.rows import changes_within

__all__ = ["SqliteJobs", "changes_within"]
