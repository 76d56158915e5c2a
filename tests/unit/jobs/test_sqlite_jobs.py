"""What only jobs in a file have: they last, and they stay fast."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.jobs.sqlite import jobs as listing
from lookalike.jobs.sqlite import rows
from lookalike.ledger.sqlite import SqliteLedger


def test_jobs_are_there_again_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        job = queue.enqueue("embed", collection="c", payload={"n": 1})
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        assert queue.get(job.id) == job
        assert queue.last_event() == 1
    with pytest.raises(StorageFailed, match="closed"):
        queue.get(job.id)


def test_asking_where_nothing_is_due_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        queue.enqueue("embed", collection="c", payload={}, delay_s=1_000)
        before = path.read_bytes()
        assert queue.claim(["embed"], worker="w", lease_s=1) is None
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (rows.DUE, "live"),
        (rows.LEASED, "autoindex"),
        (listing._JOBS_IN_STATE, "by_state"),
        (listing._FACTS, "by_state"),
        (listing._OUTBOX, "outbox_due"),
    ],
    ids=["due", "leased", "in state", "facts", "outbox"],
)
def test_what_is_asked_often_is_answered_by_an_index(tmp_path: Path, statement: str, index: str) -> None:
    sql, path = statement, tmp_path / "ledger.db"
    SqliteLedger(path).close()
    bound = {"before": None, "collections": None, "state": "done", "limit": 1}
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound if ":" in sql else ("[]",) * sql.count("?"))
        steps = " ".join(row[3] for row in plan)
    assert index in steps
    assert "SCAN jobs " not in steps.replace("SCAN jobs USING", "")
    assert "TEMP B-TREE" not in steps
