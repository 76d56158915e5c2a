"""A damaged file gives an error of ours, or an answer; never another error, and never a crash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from lookalike.core.errors import LookalikeError
from lookalike.jobs.base import Jobs, JobState, OutboxRow
from lookalike.ledger.sqlite import SqliteLedger
from tests.damage import refusals

ROUNDS = 120


def use_all_of_it(queue: Jobs, job_id: str) -> None:
    uses: list[Callable[[], object]] = [
        queue.facts,
        queue.last_event,
        queue.outbox,
        lambda: queue.note_published([OutboxRow(3, job_id, "embed")]),
        lambda: queue.events(0, collections=["c"]),
        lambda: queue.jobs(state=JobState.QUEUED),
        lambda: queue.jobs(before=job_id),
        lambda: queue.get(job_id),
        lambda: queue.enqueue("embed", collection="c", payload={}, key="k5"),
        lambda: queue.claim(["embed"], worker="w", lease_s=1),
        lambda: queue.finish(job_id, lease=1, result=1),
        lambda: queue.sweep(10**12),
    ]
    for use in uses:
        with suppress(LookalikeError):
            use()


def test_damaged_jobs_give_errors_of_ours_or_answers(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteLedger(path)) as ledger:
        queue = ledger.jobs
        for number in range(30):
            queue.enqueue("embed", collection="c", payload={"text": "x" * 300}, key=f"k{number}")
        job = queue.claim(["embed"], worker="w", lease_s=1)
        assert job is not None

    def use() -> None:
        with closing(SqliteLedger(path)) as ledger:
            use_all_of_it(ledger.jobs, job.id)

    assert refusals(path, use, rounds=ROUNDS)
