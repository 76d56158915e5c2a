"""A damaged file gives an error of ours, or an answer; never another error, and never a crash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from lookalike.core.errors import LookalikeError
from lookalike.queue.base import JobState
from lookalike.queue.sqlite import SqliteQueue
from tests.damage import refusals

ROUNDS = 120


def use_all_of_it(queue: SqliteQueue, job_id: str) -> None:
    uses: list[Callable[[], object]] = [
        queue.facts,
        queue.last_event,
        lambda: queue.events(0, collections=["c"]),
        lambda: queue.jobs(state=JobState.QUEUED),
        lambda: queue.jobs(before=job_id),
        lambda: queue.get(job_id),
        lambda: queue.enqueue("embed", collection="c", payload={}, key="k5"),
        lambda: queue.claim(["embed"], worker="w", lease_s=1),
        lambda: queue.finish(job_id, worker="w", result=1),
        lambda: queue.sweep(10**12),
    ]
    for use in uses:
        with suppress(LookalikeError):
            use()


def test_a_damaged_queue_gives_errors_of_ours_or_answers(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(SqliteQueue(path)) as queue:
        for number in range(30):
            queue.enqueue("embed", collection="c", payload={"text": "x" * 300}, key=f"k{number}")
        job = queue.claim(["embed"], worker="w", lease_s=1)
        assert job is not None

    def use() -> None:
        with closing(SqliteQueue(path)) as queue:
            use_all_of_it(queue, job.id)

    assert refusals(path, use, rounds=ROUNDS)
