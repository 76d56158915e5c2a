"""Several processes on the same jobs, some of which die."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.jobs.base import JobState
from lookalike.ledger.sqlite import SqliteLedger
from tests.processes import go, next_line, output
from tests.unit.jobs.programs import started
from tests.waiting import eventually, given_time_enough

PROCESSES = 4


def test_four_processes_do_each_job_exactly_once_and_every_event_is_told_in_order(tmp_path: Path) -> None:
    N, path = 60, tmp_path / "queue.db"
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        jobs = {queue.enqueue("embed", collection="c", payload={}).id for _ in range(N)}
        processes = [started("claim", path, f"worker {number}") for number in range(PROCESSES)]
        for process in processes:
            assert next_line(process) == "ready"
        for process in processes:
            go(process)

        seen: list[int] = []  # followed while they write: a number that came late would be missed
        give_up_at = time.monotonic() + 60
        while len(seen) < 3 * N and time.monotonic() < give_up_at:
            seen += [event.seq for event in queue.events(seen[-1] if seen else 0)[0]]
        done = [job_id for process in processes for job_id in output(process)]

        assert seen == list(range(1, 3 * N + 1))
        assert (len(done), set(done)) == (N, jobs)
        assert {(job.state, job.attempts) for job in queue.jobs(limit=N)} == {(JobState.DONE, 1)}


def test_processes_that_make_the_file_and_put_the_same_in_at_once_put_it_in_once(tmp_path: Path) -> None:
    N, path = 20, tmp_path / "new folder" / "queue.db"
    processes = [started("enqueue", path, f"c{number}", N) for number in range(PROCESSES)]
    for process in processes:
        go(process)
    ids = Counter(job_id for process in processes for job_id in output(process)[1:])
    assert list(ids.values()) == [PROCESSES] * N
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        assert {job.id for job in queue.jobs(limit=1_000)} == set(ids)
        assert queue.last_event() == N


def test_a_job_whose_worker_was_killed_is_done_by_another_once_its_lease_ended(tmp_path: Path) -> None:
    def attempt(times: int) -> None:
        path, lease_s = tmp_path / f"queue {times}.db", 1.0 * times
        with closing(SqliteLedger(path)) as ledger:
            queue = ledger.jobs
            job = queue.enqueue("embed", collection="c", payload={})
            victim = started("hold", path, "victim", lease_s)
            try:
                assert next_line(victim) == "ready"
                go(victim)
                assert next_line(victim) == job.id
                time.sleep(1.5 * lease_s)  # longer than its lease, which it extends
                assert queue.claim(["embed"], worker="w", lease_s=600) is None
            finally:
                victim.kill()
                victim.communicate()
            assert queue.get(job.id).state is JobState.RUNNING
            again = eventually(lambda: queue.claim(["embed"], worker="w", lease_s=600))
            assert (again.id, again.attempts) == (job.id, 2)
            assert queue.finish(job.id, lease=again.lease, result=None)

    given_time_enough(attempt)


@pytest.mark.parametrize("lines", [1, 7, 30])
def test_what_was_acknowledged_survives_its_process_and_nothing_is_half_done(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "queue.db"
    victim = started("churn", path, "victim")
    go(victim)
    assert next_line(victim) == "ready"
    acknowledged = [next_line(victim) for _ in range(lines)]
    victim.kill()
    rest, _ = victim.communicate()
    acknowledged += [line for line in rest.split("\n")[:-1] if line]
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        jobs = {job.id: job for job in queue.jobs(limit=100_000)}
        assert set(acknowledged) <= set(jobs)
        assert len(jobs) <= len(acknowledged) + 1
        events, gone = queue.events(0, limit=100_000)
        assert [event.seq for event in events] == list(range(gone + 1, gone + len(events) + 1))
        last = {event.job.id: event.job for event in events}
        assert all(jobs[job_id] == job for job_id, job in last.items())
