"""What only the ledger in a file has: it lasts, processes share it, and damage is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lookalike.core.errors import FormatTooNew, LookalikeError, StorageFailed
from lookalike.ledger.base import KeptReply, ReplyQuota, Upload, UploadState
from lookalike.ledger.sqlite import SqliteLedger, tables
from lookalike.ledger.sqlite.idempotency import REPLIES_OF
from lookalike.ledger.storable import upload_json
from lookalike.storage.sqlite.file import SqliteFile
from tests.damage import refusals
from tests.unit.ledger.programs import together

N, PROCESSES, ROUNDS = 30, 4, 100


def upload(upload_id: str) -> Upload:
    return Upload(
        id=upload_id,
        collection="c",
        owner="o",
        state=UploadState.WAITING,
        size_bytes=1,
        content_type="image/png",
        sha256="",
        name="n" * 300,
        created_at=0.0,
        expires_at=0.0,
    )


@pytest.mark.parametrize("program", ["take", "begin", "advance"])
def test_of_four_processes_that_ask_for_the_same_exactly_one_gets_it(tmp_path: Path, program: str) -> None:
    path = tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        for number in range(N):
            ledger.put_ticket(f"digest{number}", principal="p", expires_at=1)
            ledger.add_upload(upload(f"upload{number}"))
    got = together(program, path, N, processes=PROCESSES)
    assert sorted(map(int, got)) == list(range(N))


def test_a_ledger_is_there_again_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    reply = KeptReply(200, {"A": "b"}, b"\0\xff")
    with closing(SqliteLedger(path)) as ledger:
        ledger.add_upload(upload("u"))
        ledger.begin("k", caller="ann", body_hash="h", holder="me", now=0, expires_at=9)
        ledger.finish("k", reply, holder="me")
        ledger.put_ticket("d", principal="p", expires_at=9)
    with closing(SqliteLedger(path)) as ledger:
        assert ledger.upload("u") == upload("u")
        assert ledger.begin("k", caller="ann", body_hash="h", holder="me", now=0, expires_at=9) == reply
        assert ledger.take_ticket("d", now=0) == "p"
    with pytest.raises(StorageFailed, match="closed"):
        ledger.upload("u")


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(FormatTooNew, match="99"):
        SqliteLedger(path)


def test_a_record_that_cannot_be_understood_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        ledger.add_upload(upload("u"))
        for record in ("", "[]", "{}", upload_json(upload("u")).replace("waiting", "sleeping"), "[" * 100_000):
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE uploads SET record = ?", (record,))
            with pytest.raises(StorageFailed, match="damaged"):
                ledger.upload("u")


def test_a_damaged_ledger_gives_errors_of_ours_or_answers(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        for number in range(N):
            ledger.add_upload(upload(f"upload{number}"))
            ledger.begin(f"k{number}", caller="ann", body_hash="h", holder="me", now=0, expires_at=9)
            ledger.finish(f"k{number}", KeptReply(200, {"A": "b"}, b"x" * 200), holder="me")
            ledger.put_ticket(f"d{number}", principal="p", expires_at=9)

    def use() -> None:
        with closing(SqliteLedger(path)) as ledger:
            use_all_of_it(ledger)

    assert refusals(path, use, rounds=ROUNDS)


def use_all_of_it(ledger: SqliteLedger) -> None:
    uses: list[Callable[[], object]] = [
        lambda: ledger.add_upload(upload("new")),
        lambda: ledger.upload("upload3"),
        lambda: ledger.advance_upload(upload("upload4"), only_from=[UploadState.WAITING]),
        lambda: ledger.uploads("c", state=UploadState.WAITING),
        lambda: ledger.expired_uploads(10.0),
        lambda: [
            ledger.begin(f"k{number}", caller="ann", body_hash="h", holder="me", now=0, expires_at=9)
            for number in range(N)
        ],
        lambda: ledger.finish("k1", KeptReply(200, {}, b""), holder="me"),
        lambda: ledger.abandon("k2", holder="me"),
        lambda: [ledger.take_ticket(f"d{number}", now=0) for number in range(N)],
        lambda: ledger.put_ticket("d", principal="p", expires_at=9),
        lambda: ledger.sweep(100.0),
    ]
    for use in uses:
        with suppress(LookalikeError):
            use()


def test_a_ledger_of_the_first_format_is_brought_up_to_date_with_its_replies(tmp_path: Path) -> None:
    path, reply = tmp_path / "ledger.db", KeptReply(200, {"A": "b"}, b"x")
    old = SqliteFile(path, what="ledger", application_id=tables.APPLICATION_ID, migrations=tables.MIGRATIONS[:1])
    with old.writing() as connection:
        connection.execute("INSERT INTO begun VALUES ('k', 'h', 'me', 0, 9, 200, ?, ?)", ('{"A":"b"}', b"x"))
    old.close()
    with closing(SqliteLedger(path)) as ledger:
        asked = {"caller": "ann", "body_hash": "h", "holder": "me", "now": 0, "expires_at": 9}
        assert ledger.begin("k", **asked) == reply
        assert ledger.begin("new", **asked) is None
        ledger.finish("new", reply, holder="me", quota=ReplyQuota(1, 100))
        assert ledger.begin("k", **asked) == reply  # of before: it counts by nobody


def test_what_is_kept_of_a_caller_is_summed_up_by_an_index(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {REPLIES_OF}", ("ann",))]
    assert len(steps) == 1
    assert "COVERING INDEX begun_by" in steps[0]
