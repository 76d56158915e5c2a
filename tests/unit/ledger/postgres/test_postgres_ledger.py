"""What only a ledger in PostgreSQL has: tables that are migrated, statements that stay fast, roles, odd texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chain.postgres import PostgresServer
from lookalike.core.errors import BadInput, FormatTooNew, ServiceDown, StorageFailed
from lookalike.jobs.base import JobState
from lookalike.jobs.postgres import jobs as job_statements
from lookalike.jobs.postgres import tables as job_tables
from lookalike.jobs.postgres.events import EVENTS
from lookalike.ledger.base import KeptReply, Quota, UploadState
from lookalike.ledger.postgres import PostgresLedger, idempotency, ledger, open_postgres_ledger, uploads
from lookalike.ledger.postgres.ledger import MIGRATIONS
from lookalike.storage.postgres.life import life_of
from lookalike.storage.postgres.migrations import load_migrations, migrate
from lookalike.storage.postgres.pool import Pool
from tests.contract.test_ledger import together, upload

Opened = Callable[..., PostgresLedger]
SCHEMA = "lookalike_ledger"
NEWEST = load_migrations(MIGRATIONS)[-1].number

# As version 1 wrote it; never changed.
OF_VERSION_1 = """
    INSERT INTO ours.jobs (id, key, kind, collection, owner, state, attempts, postponed, lease, worker, due_at,
        created_at, updated_at, available_at, result, code, detail, payload)
    VALUES ('00000000000000000000000000000001', 'upload 1', 'verify_upload', 'photos', 'Zoë', 'queued', 1, 2, 3, '', 20,
        10, 15, 20, 'null', 'locked', 'wait', '{"n":1}');
    INSERT INTO ours.outbox (job_id, kind, due_at) VALUES ('00000000000000000000000000000001', 'verify_upload', 20);
    INSERT INTO ours.events (event, collection, job_id, job) VALUES ('job.queued', 'photos',
        '00000000000000000000000000000001', '{"id":"00000000000000000000000000000001","kind":"verify_upload",
        "collection":"photos","owner":"Zoë","state":"queued","attempts":1,"postponed":2,"lease":3,"created_at":10,
        "updated_at":15,"available_at":20,"result":"null","code":"locked","detail":"wait"}');
    INSERT INTO ours.uploads (id, collection, owner, size_bytes, state, ended, expires_at, changed_at, record)
    VALUES ('00000000000000000000000000000002', 'photos', 'Zoë', 7, 'waiting', false, 900, 10,
        '{"id":"00000000000000000000000000000002","collection":"photos","owner":"Zoë","state":"waiting","size_bytes":7,
        "content_type":"image/png","sha256":"00","name":"a.png","created_at":10,"expires_at":900,"browser":"other",
        "completion":null,"metadata":{},"image_id":null,"job_id":null,"distance":null,"code":"","detail":""}');
    INSERT INTO ours.begun (key, caller, body_hash, holder, begun_at, expires_at, status, headers, body, size_bytes)
    VALUES ('k', 'ann', 'h', 'me', 10, 1000, 201, '{"Location":"/v1/x"}', '\\xff00', 24);
    INSERT INTO ours.tickets (digest, principal, expires_at) VALUES ('d', '{}', 1000);"""


@pytest.fixture
def pool(postgres_url: str) -> Iterator[Pool]:
    pool = Pool(postgres_url)
    yield pool
    pool.close()


def shape(url: str) -> list[tuple[Any, ...]]:
    """Columns and indexes."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity"
            " FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 2",
            [SCHEMA],
        ).fetchall()
        indexes = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY 1", [SCHEMA]
        ).fetchall()
    return columns + indexes


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_what_an_earlier_version_wrote_is_brought_up_to_date_and_read(
    opened: Opened, pool: Pool, postgres_server: PostgresServer, version: int
) -> None:
    migrate(pool, SCHEMA, load_migrations(MIGRATIONS)[:version], what="ledger")
    pool.ask(SCHEMA, lambda session: session.change(OF_VERSION_1))
    now = opened(clock=lambda: 30.0)
    (job,) = now.jobs.jobs()
    assert (job.id[-1], job.payload, job.state, job.postponed, job.lease) == ("1", {"n": 1}, JobState.QUEUED, 2, 3)
    assert [event.job for event in now.jobs.events(0)[0]] == [job]
    assert [row.job_id for row in now.jobs.outbox()] == [job.id]
    assert now.jobs.enqueue("verify_upload", collection="photos", payload={}, key="upload 1") == job
    assert (now.uploads("photos")[0].state, now.expired_uploads(901)[0].name) == (UploadState.WAITING, "a.png")
    reply = now.begin("k", caller="ann", body_hash="h", holder="you", now=20, expires_at=2_000)
    assert reply == KeptReply(201, {"Location": "/v1/x"}, b"\xff\0")
    assert now.take_ticket("d", now=20) == "{}"
    fresh = postgres_server.make_database()
    opened(fresh).prepare()
    assert shape(pool.url) == shape(fresh)


def test_many_that_make_the_same_ledger_at_once_make_one(opened: Opened) -> None:
    machines = [opened() for _ in range(8)]
    together(lambda name: machines[int(name)].prepare(), [str(number) for number in range(8)])
    together(lambda name: machines[int(name)].add_upload(upload(name)), [str(number) for number in range(8)])
    assert len(machines[0].uploads("photos")) == 8


def test_a_ledger_that_a_newer_version_wrote_is_left_alone(opened: Opened, pool: Pool) -> None:
    opened().prepare()
    pool.ask(SCHEMA, lambda session: session.change(f"INSERT INTO ours.migrations VALUES ({NEWEST + 1}, 'later')"))
    with pytest.raises(FormatTooNew, match="newer Lookalike"):
        opened().jobs.facts()
    with pytest.raises(FormatTooNew):
        open_postgres_ledger(pool.url)


def test_ledgers_in_two_schemas_have_nothing_in_common(opened: Opened) -> None:
    one, other = opened(schema="one"), opened(schema="other")
    one.add_upload(upload(1))
    one.jobs.enqueue("embed", collection="c", payload={})
    assert other.uploads("photos") == other.jobs.jobs() == []
    assert other.jobs.last_event() == 0


def test_a_role_that_may_do_nothing_is_told_what_it_lacks(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.run_sql("CREATE ROLE weak LOGIN PASSWORD 'weak'")
    database = postgres_url.rpartition("/")[2]
    with pytest.raises(ServiceDown, match="grant it"):
        open_postgres_ledger(postgres_server.url_of(database, user="weak", password="weak"))
    with pytest.raises(BadInput, match="postgresql://user"):
        open_postgres_ledger("sqlite:///ledger.db")


def test_a_role_that_may_make_a_schema_needs_no_other_right(
    opened: Opened, postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    postgres_server.run_sql("CREATE ROLE maker LOGIN PASSWORD 'maker'")
    postgres_server.run_sql(f"GRANT CREATE ON DATABASE {database} TO maker")
    url = postgres_server.url_of(database, user="maker", password="maker")
    here = opened(url)
    here.add_upload(upload(1))
    job = here.jobs.enqueue("embed", collection="c", payload={})
    assert [event.job for event in here.jobs.events(0)[0]] == [job]
    pool = Pool(url)
    life = pool.ask("", life_of)  # which is to be seen by everybody, or no lost commit could be asked for
    pool.close()
    assert life.processes
    assert life.lasts(life)


def test_texts_that_postgresql_keeps_nowhere_stand_for_themselves_alone(opened: Opened) -> None:
    names = ["a", "a\0", "a\\0", "a\\\0", "\ud800", "\\ud800", "a\\\\0"]
    here = opened()
    for number, name in enumerate(names):
        here.add_upload(upload(number, owner=name, collection=name), quota=Quota(1, 1_000))
    for number, name in enumerate(names):
        (found,) = here.uploads(name)
        assert (found.id, found.collection, found.owner) == (upload(number).id, name, name)
    assert here.holding() == sorted(names)


def test_rows_that_cannot_be_understood_are_told_as_damage(opened: Opened, pool: Pool) -> None:
    here = opened()
    here.add_upload(upload(1))
    job = here.jobs.enqueue("embed", collection="c", payload={})
    for statement in (
        "UPDATE ours.uploads SET record = '{}'",
        "UPDATE ours.jobs SET state = 'none'",
        "UPDATE ours.events SET job = '[]'",
    ):
        pool.ask(SCHEMA, lambda session, statement=statement: session.change(statement))  # type: ignore[misc]
    for look in (lambda: here.upload(upload(1).id), lambda: here.jobs.get(job.id), lambda: here.jobs.events(0)):
        with pytest.raises(StorageFailed, match="restore the database"):
            look()


STATEMENTS = {
    "claim": (job_tables.DUE, "jobs_live"),
    "look": (job_statements.IS_ANY_DUE, "jobs_live"),
    "outbox": (job_statements.OUTBOX, "outbox_due"),
    "events": (EVENTS, "events_seq_key"),
    "room": (uploads.ROOM_TAKEN, "uploads_taking_room"),
    "uploads": (ledger.UPLOADS, "uploads_of"),
    "expired": (ledger.EXPIRED, "uploads_waiting"),
    "replies": (idempotency.REPLIES_OF, "begun_by"),
}


@pytest.mark.parametrize("what", STATEMENTS)
def test_what_is_asked_often_is_answered_by_an_index(opened: Opened, pool: Pool, what: str) -> None:
    opened().prepare()
    N = 20_000
    statement, index = STATEMENTS[what]
    fill = f"""
        INSERT INTO ours.jobs (id, kind, collection, owner, state, attempts, postponed, lease, worker, due_at,
            created_at, updated_at, available_at, result, code, detail, payload)
        SELECT n, 'embed', 'c', '', CASE WHEN n % 20 = 0 THEN 'queued' ELSE 'done' END, 0, 0, 0, '', n, n, n, n, 'null',
            '', '', '{{}}' FROM generate_series(1, {N}) AS n;
        INSERT INTO ours.outbox (job_id, kind, due_at) SELECT n, 'embed', n FROM generate_series(1, {N}) AS n;
        INSERT INTO ours.events (seq, event, collection, job_id, job)
        SELECT n, 'job.queued', 'c', n, '{{}}' FROM generate_series(1, {N}) AS n;
        INSERT INTO ours.uploads (id, collection, owner, size_bytes, state, ended, expires_at, changed_at, record)
        SELECT n, n % 500, n % 500, 1, CASE WHEN n % 20 = 0 THEN 'waiting' ELSE 'stored' END, false, n, n, '{{}}'
        FROM generate_series(1, {N}) AS n;
        INSERT INTO ours.begun (key, caller, body_hash, holder, begun_at, expires_at, status)
        SELECT n, n % 500, 'h', 'me', n, n, 200 FROM generate_series(1, {N}) AS n;
        ANALYZE ours.jobs; ANALYZE ours.outbox; ANALYZE ours.events; ANALYZE ours.uploads; ANALYZE ours.begun"""
    pool.ask(SCHEMA, lambda session: session.change(fill))
    values: dict[str, list[object]] = {
        "claim": [None, 100.0, ["embed"], ["x"]],
        "look": [100.0, ["embed"], ["x"]],
        "outbox": [100.0, 10],
        "events": [N - 100, 10],
        "uploads": ["1", 10],
        "expired": [100.0, 10],
    }
    asked = values.get(what, ["1"])
    plan = pool.ask(SCHEMA, lambda session: session.rows(f"EXPLAIN {statement}", asked))
    steps = "\n".join(line for (line,) in plan)
    assert index in steps, steps
    assert "Seq Scan" not in steps, steps
