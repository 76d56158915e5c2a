"""An index in a PostgreSQL database with pgvector."""

from lookalike.index.pgvector.checking import check_vectors
from lookalike.index.pgvector.index import PgvectorIndex

__all__ = ["PgvectorIndex", "check_vectors"]
