"""What earlier versions have left in two files is in the one, whatever is killed, and their processes lose nothing."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lookalike.core.errors import Conflict, FormatTooNew, Locked, StorageFailed
from lookalike.jobs.base import JobState
from lookalike.ledger.base import KeptReply, UploadState
from lookalike.ledger.sqlite import SqliteLedger, earlier
from lookalike.storage.sqlite.connection import Connection
from lookalike.storage.sqlite.file import SqliteFile
from tests.processes import go, next_line, python
from tests.waiting import eventually

HOMES = Path(__file__).parents[2] / "golden" / "service-homes"
FORMATS = ["1", "2"]
NOW = 1_790_000_000.0
CUT_OFF = f"{50:032x}"
CLOSED = "a newer Lookalike keeps this in service.sqlite: restart this process"


@pytest.fixture(params=FORMATS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return copied(request.param, tmp_path / "home")


def copied(number: str, folder: Path) -> Path:
    shutil.copytree(HOMES / number / "home", folder)
    (folder / "answers.json").write_bytes((HOMES / number / "answers.json").read_bytes())
    return folder


def opened(home: Path) -> SqliteLedger:
    return SqliteLedger(home / "service.sqlite", clock=lambda: NOW, max_attempts=10)


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(asdict(value)))


def check_all_is_there(home: Path) -> None:
    """As it was answered by the version that wrote it."""
    was = json.loads((home / "answers.json").read_text())
    with closing(opened(home)) as ledger:
        jobs = {job.id: as_json(job) for job in ledger.jobs.jobs(limit=1_000)}
        assert list(jobs) == [job["id"] for job in was["jobs"]]
        for job in was["jobs"]:
            assert jobs[job["id"]] == {"postponed": 0, "lease": 0} | job
        assert [[event.seq, event.event, event.job.id] for event in ledger.jobs.events(0)[0]] == was["events"]
        assert ledger.jobs.last_event() == len(was["events"])
        waiting = [job["id"] for job in was["jobs"] if job["state"] == "queued" and job["available_at"] <= NOW]
        assert [row.job_id for row in ledger.jobs.outbox()] == waiting[::-1]

        uploads = {upload.id: as_json(upload) for upload in ledger.uploads("photos", limit=1_000)}
        assert list(uploads) == [upload["id"] for upload in was["uploads"]]
        for upload in was["uploads"]:
            assert upload["id"] == CUT_OFF or uploads[upload["id"]] == upload

        reply = KeptReply(201, {"location": "/v1/x"}, b'{"id": "\xff\0"}')
        begun: dict[str, Any] = {
            "caller": "ann",
            "body_hash": "h",
            "holder": "another",
            "now": NOW + 1,
            "expires_at": NOW + 9,
        }
        assert ledger.begin("done", **begun) == reply
        with pytest.raises(Conflict, match="not finished"):
            ledger.begin("runs", **begun)


def test_all_that_an_earlier_version_kept_is_there(home: Path) -> None:
    check_all_is_there(home)
    check_all_is_there(home)  # and stays
    with closing(opened(home)) as ledger:
        assert ledger.take_ticket("digest", now=NOW) == '{"name": "ann"}'
        assert ledger.take_ticket("digest", now=NOW) is None


def test_jobs_of_an_earlier_version_are_claimed_finished_and_told_of_as_if_they_were_ours(home: Path) -> None:
    with closing(opened(home)) as ledger:
        told = ledger.jobs.last_event()
        job = ledger.jobs.claim(["verify_upload"], worker="w", lease_s=60.0)
        assert job is not None
        assert (job.payload["upload_id"], job.lease) == (CUT_OFF, 1)
        assert ledger.jobs.finish(job.id, lease=1, result=None)
        assert [event.seq for event in ledger.jobs.events(told)[0]] == [told + 1, told + 2]
        assert {job.state for job in ledger.jobs.jobs(state=JobState.RUNNING)} == {JobState.RUNNING}


def test_what_an_earlier_version_was_doing_is_done_by_us_when_its_lease_is_over(home: Path) -> None:
    with closing(SqliteLedger(home / "service.sqlite", clock=lambda: NOW + 61.0, max_attempts=10)) as ledger:
        (running,) = ledger.jobs.jobs(state=JobState.RUNNING)
        claimed = [ledger.jobs.claim(["verify_upload"], worker="w", lease_s=60.0) for _ in range(2)]
        assert running.id in {job.id for job in claimed if job is not None}
        assert not ledger.jobs.finish(running.id, lease=0, result=None)


def test_a_completion_that_an_earlier_version_did_not_end_is_ended(home: Path) -> None:
    with closing(opened(home)) as ledger:
        upload = ledger.upload(CUT_OFF)
        (job,) = [job for job in ledger.jobs.jobs() if job.payload["upload_id"] == CUT_OFF]
        assert (upload.state, upload.job_id, upload.image_id) == (UploadState.QUEUED, job.id, upload.sha256)
        assert (upload.completion, upload.metadata) == ("c" * 64, {"label": "✂"})


@pytest.mark.parametrize("missing", ["queue", "ledger"])
def test_one_of_the_two_is_taken_over_alone(home: Path, missing: str) -> None:
    (home / f"{missing}.sqlite").unlink()
    with closing(opened(home)) as ledger:
        assert bool(ledger.jobs.jobs()) == (missing == "ledger")
        assert bool(ledger.uploads("photos")) == (missing == "queue")


def test_a_file_that_is_none_of_ours_is_refused_and_left(home: Path) -> None:
    (home / "queue.sqlite").unlink()
    with closing(sqlite3.connect(home / "queue.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StorageFailed, match="another kind of file"):
        opened(home)
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM uploads").fetchone() == (11,)


# The statements of versions before the one file, of processes that had opened their two before it was made.
OF_EARLIER = {
    "queue": [
        "SELECT * FROM jobs WHERE key = 'k'",
        "SELECT min(seq) FROM events",
        "SELECT number FROM jobs INDEXED BY live WHERE state IN ('queued', 'running') AND due_at <= 0",
        "INSERT INTO jobs (id) VALUES ('x')",
        "UPDATE jobs SET due_at = 5 WHERE id = 'x'",
    ],
    "ledger": [
        "SELECT record FROM uploads WHERE id = 'x'",
        "SELECT * FROM begun WHERE key = 'k'",
        "INSERT INTO uploads (id) VALUES ('x')",
        "INSERT OR REPLACE INTO tickets (digest, principal, expires_at) VALUES ('d', 'p', 1)",
    ],
}


def test_processes_of_an_earlier_version_that_run_are_told_and_acknowledge_nothing_any_more(home: Path) -> None:
    with (
        closing(sqlite3.connect(home / "queue.sqlite")) as queue,
        closing(sqlite3.connect(home / "ledger.sqlite")) as ledger,
    ):
        theirs = {"queue": queue, "ledger": ledger}
        for name, connection in theirs.items():
            connection.execute(OF_EARLIER[name][0]).fetchall()
        check_all_is_there(home)
        for name, statements in OF_EARLIER.items():
            for statement in statements:
                with pytest.raises(sqlite3.OperationalError, match=CLOSED):
                    theirs[name].execute(statement)
    check_all_is_there(home)


def test_processes_of_an_earlier_version_that_are_started_are_refused(home: Path) -> None:
    opened(home).close()
    for one in (earlier._QUEUE, earlier._LEDGER):
        with pytest.raises(FormatTooNew, match="newer"):
            SqliteFile(
                home / f"{one.name}.sqlite", what=one.name, application_id=one.application_id, migrations=one.migrations
            )


def test_nothing_of_what_was_kept_stays_in_the_earlier_files(home: Path) -> None:
    opened(home).close()
    for name in ("queue", "ledger"):
        left = (home / f"{name}.sqlite").read_bytes()
        assert b"photos" not in left
        assert b"label" not in left


def test_while_an_earlier_process_commits_nothing_is_taken_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "_BUSY_WAIT_S", 0.05)
    with closing(sqlite3.connect(home / "ledger.sqlite", isolation_level=None)) as theirs:
        theirs.execute("BEGIN IMMEDIATE")
        if theirs.execute("PRAGMA user_version").fetchone() == (2,):  # else it is the change of its format that waits
            with pytest.raises(Locked):
                opened(home)
        theirs.execute("COMMIT")
    check_all_is_there(home)


class Died(BaseException):
    """The process dies here."""


def test_a_kill_before_each_statement_leaves_all_in_the_earlier_files_or_all_in_the_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, is_done = 0, False
    while not is_done:
        number += 1
        place = tmp_path / f"after {number}"
        shutil.copytree(home, place)
        with monkeypatch.context() as patched:
            patched.setattr(earlier, "connect", dying_at(number))
            try:
                opened(place).close()
                is_done = True
            except Died:
                pass
        check_all_is_there(place)
    assert number > 20


def dying_at(number: int) -> Callable[..., Connection]:
    """A connection whose process dies before its n-th statement: its file is closed, and nothing more is done."""
    left = [number]

    def connected(path: Path, **options: Any) -> Connection:
        connection = earlier_connected(path, **options)
        if path.name != "service.sqlite":
            return connection
        execute = connection.execute

        def counted(sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            left[0] -= 1
            if left[0] <= 0:
                raise Died
            return execute(sql, parameters)

        monkey: Any = connection
        monkey.execute = counted
        return connection

    return connected


earlier_connected = earlier.connect


@pytest.mark.parametrize("number", FORMATS)
def test_processes_that_are_killed_while_they_take_it_over_lose_nothing(tmp_path: Path, number: str) -> None:
    for delay in range(12):
        place = copied(number, tmp_path / f"home {delay}")
        process = python("-m", "tests.unit.ledger.test_earlier_files", place)
        assert next_line(process) == "ready"
        go(process)
        with suppress(Exception):
            process.wait(0.002 * delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check_all_is_there(place)


def test_several_processes_that_take_it_over_at_once_do_it_once(home: Path) -> None:
    processes = [python("-m", "tests.unit.ledger.test_earlier_files", home) for _ in range(4)]
    for process in processes:
        assert next_line(process) == "ready"
    for process in processes:
        go(process)
    eventually(lambda: all(process.poll() is not None for process in processes))
    assert [process.communicate()[0].split() for process in processes] == [["5"]] * 4
    check_all_is_there(home)


def main(home: Path) -> NoReturn:
    import sys

    print("ready", flush=True)
    sys.stdin.readline()
    with closing(opened(home)) as ledger:
        print(len(ledger.jobs.jobs()))
    sys.exit(0)


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
