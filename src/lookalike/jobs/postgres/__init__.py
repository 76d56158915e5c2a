"""Jobs in a PostgreSQL database, which is that of the ledger they belong to."""

from lookalike.jobs.postgres.jobs import PostgresJobs
from lookalike.jobs.postgres.notices import SCHEMA

__all__ = ["SCHEMA", "PostgresJobs"]
