"""What is looked at of a database before anything is made there; wrong passwords and such in `tests/chain`."""

from __future__ import annotations

import secrets
from contextlib import closing
from urllib.parse import urlsplit

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from chain.postgres import PostgresServer
from lookalike.catalog.postgres import LIST
from lookalike.core.errors import BadInput, ReadOnly, ServiceDown
from lookalike.ledger.postgres import TABLES, open_postgres_ledger
from lookalike.storage.postgres.checking import check_database

SECRET = "t0psec"


class Place:
    """A database, and a role of which nothing is granted yet."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server, self.owner, self.name = server, url, urlsplit(url).path[1:]
        self.role = f"role_{secrets.token_hex(4)}"
        self.url = server.url_of(self.name, user=self.role, password="secret")
        server.run_sql(f"CREATE ROLE {self.role} LOGIN PASSWORD 'secret'")

    def grant(self, right: str) -> None:
        self.server.run_sql(f"GRANT {right} TO {self.role}", database=self.name)

    def make_ledger(self) -> None:
        with closing(open_postgres_ledger(self.owner)):
            pass


@pytest.fixture
def place(postgres_server: PostgresServer, postgres_url: str) -> Place:
    return Place(postgres_server, postgres_url)


def test_a_role_that_may_make_schemas_needs_no_more(place: Place) -> None:
    with pytest.raises(ServiceDown, match=f"run `GRANT CREATE ON DATABASE {place.name} TO`"):
        check_database(place.url, [LIST, TABLES])
    place.grant(f"CREATE ON DATABASE {place.name}")
    assert check_database(place.url, [LIST, TABLES]) == []
    with closing(open_postgres_ledger(place.url)):
        assert check_database(place.url, [LIST, TABLES]) == []


def test_tables_that_are_there_have_to_be_open_to_the_role(place: Place) -> None:
    place.make_ledger()
    with pytest.raises(ServiceDown, match="must have the right"):  # the schema itself is closed
        check_database(place.url, [TABLES])
    place.grant("USAGE ON SCHEMA lookalike_ledger")
    place.grant("SELECT ON ALL TABLES IN SCHEMA lookalike_ledger")
    with pytest.raises(ServiceDown, match="whose role in the URL may read and write them"):
        check_database(place.url, [TABLES])
    assert check_database(place.url, [TABLES], only_read=True) == []
    place.grant("INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA lookalike_ledger")
    (line,) = check_database(place.url, [TABLES])  # they are enough, but for new collections
    assert "GRANT CREATE ON DATABASE" in line


def test_one_that_takes_no_writes_will_do_for_who_only_reads_what_is_there(place: Place) -> None:
    place.server.run_sql(f"ALTER DATABASE {place.name} SET default_transaction_read_only = on")
    for only_read in (False, True):
        with pytest.raises(ReadOnly, match="connect to the server that is written to"):
            check_database(place.owner, [TABLES], only_read=only_read)
    place.server.run_sql(f"ALTER DATABASE {place.name} RESET default_transaction_read_only")
    place.make_ledger()
    place.server.run_sql(f"ALTER DATABASE {place.name} SET default_transaction_read_only = on")
    with pytest.raises(ReadOnly):
        check_database(place.owner, [TABLES])
    assert check_database(place.owner, [TABLES], only_read=True) == []


def test_a_server_that_has_no_connection_left_is_told_and_may_have_one_later(place: Place) -> None:
    place.server.run_sql(f"ALTER ROLE {place.role} CONNECTION LIMIT 0")
    (line,) = check_database(place.url, [TABLES])
    assert "takes no more connections" in line


def test_a_url_that_its_library_does_not_read_is_told_without_its_password() -> None:
    with pytest.raises(BadInput, match="correct it, with % for special characters") as told:
        check_database(f"postgresql://me:{SECRET}%zz@127.0.0.1/name", [TABLES])
    assert SECRET not in str(told.value)


def test_a_server_that_does_not_speak_as_the_url_asks_is_told(place: Place) -> None:
    with pytest.raises(ServiceDown, match="correct its host, port or sslmode"):
        check_database(f"{place.owner}?sslmode=require", [TABLES])
