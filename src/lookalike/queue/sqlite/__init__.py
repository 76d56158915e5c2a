"""The queue in one SQLite file."""

from lookalike.queue.sqlite.queue import SqliteQueue

__all__ = ["SqliteQueue"]
