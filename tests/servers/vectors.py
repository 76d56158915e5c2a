"""Indexes with pgvector in the PostgreSQL of the tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from chain.postgres import PostgresServer
from lookalike.index.remote import RemoteIndex

_numbers = itertools.count()


@pytest.fixture(scope="session")
def vectors_url(postgres_server: PostgresServer) -> str:
    """Of a database that tests share, each with collections of its own names."""
    return postgres_server.make_database()


@pytest.fixture
def new_pgvector(vectors_url: str) -> Iterator[Callable[[], RemoteIndex]]:
    """Makes an index of a new collection."""
    from lookalike.index.pgvector import PgvectorIndex

    made: list[PgvectorIndex] = []

    def make() -> RemoteIndex:
        name = f"collection {next(_numbers)}"
        made.append(PgvectorIndex(vectors_url, collection=lambda: name))
        return made[-1]

    yield make
    for index in made:
        index.let_go()
