"""What only the queue in a file has: it lasts, and it stays fast."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.core.errors import FormatTooNew, StorageFailed
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.queue.sqlite import SqliteQueue, tables
from lookalike.queue.sqlite import queue as statements
from lookalike.storage.sqlite.file import SqliteFile


def test_a_queue_is_there_again_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteQueue(path)) as queue:
        job = queue.enqueue("embed", collection="c", payload={"n": 1})
    with closing(SqliteQueue(path)) as queue:
        assert queue.get(job.id) == job
        assert queue.last_event() == 1
    queue.close()
    with pytest.raises(StorageFailed, match="closed"):
        queue.get(job.id)


def test_a_newer_queue_and_a_ledger_are_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "queue.db", tmp_path / "ledger.db"
    SqliteQueue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(FormatTooNew, match="99"):
        SqliteQueue(path)
    SqliteLedger(other).close()
    with pytest.raises(StorageFailed, match="another kind of file"):
        SqliteQueue(other)


def test_asking_an_idle_queue_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteQueue(path)) as queue:
        queue.enqueue("embed", collection="c", payload={}, delay_s=1_000)
        before = path.read_bytes()
        assert queue.claim(["embed"], worker="w", lease_s=1) is None
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "index"),
    [("_DUE", "live"), ("_JOBS_IN_STATE", "by_state"), ("_HELD", "autoindex"), ("_FACTS", "by_state")],
)
def test_what_is_asked_often_is_answered_by_an_index(tmp_path: Path, statement: str, index: str) -> None:
    sql = getattr(statements, statement)
    path = tmp_path / "queue.db"
    SqliteQueue(path).close()
    bound = {"before": None, "collections": None, "state": "done", "limit": 1}
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound if ":" in sql else ("[]",) * sql.count("?"))
        steps = " ".join(row[3] for row in plan)
    assert index in steps
    assert "SCAN jobs " not in steps.replace("SCAN jobs USING", "")
    assert "TEMP B-TREE" not in steps


def test_a_queue_of_the_first_format_is_brought_up_to_date_with_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    old = SqliteFile(path, what="queue", application_id=tables.APPLICATION_ID, migrations=tables.MIGRATIONS[:1])
    with old.writing() as connection:
        connection.execute(
            """
            INSERT INTO jobs (id, key, kind, collection, owner, state, attempts, created_at, updated_at, available_at,
                due_at, result, code, detail, payload)
            VALUES ('a', 'k', 'embed', 'photos', 'ann', 'queued', 1, 0, 0, 0, 0, 'null', 'locked', 'wait', '{}')"""
        )
        connection.execute(
            "INSERT INTO events (event, collection, job_id, job) SELECT 'job.queued', collection, id, json_object("
            "'id', id, 'kind', kind, 'collection', collection, 'owner', owner, 'state', state, 'attempts', attempts, "
            "'created_at', 0, 'updated_at', 0, 'available_at', 0, 'result', 'null', 'code', code, 'detail', detail) "
            "FROM jobs"
        )
    old.close()
    with closing(SqliteQueue(path)) as queue:
        (job,) = queue.jobs()
        assert (job.attempts, job.postponed, job.code) == (1, 0, "locked")
        assert queue.events(0)[0][0].job.postponed == 0
        claimed = queue.claim(["embed"], worker="w", lease_s=1)
        assert claimed is not None
        assert claimed.attempts == 2
