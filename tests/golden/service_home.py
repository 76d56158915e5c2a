"""Make the golden folder of a service with the Lookalike that is imported.

    python -m tests.golden.service_home FOLDER

`service-homes/1` and `2` are what the code before the one file of jobs and uploads has left in its two: made by running
this file at the last commits that wrote the first and the second format of these. It names what was there then, so it
runs with that code alone.

    FOLDER/home/          queue.sqlite and ledger.sqlite
    FOLDER/answers.json   what was then answered: jobs (newest first), events, uploads
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from lookalike.queue.sqlite import SqliteQueue

from lookalike.ledger.base import KeptReply, Upload, UploadState
from lookalike.ledger.sqlite import SqliteLedger

NOW = 1_790_000_000.0
DAY_S = 86_400.0
KEYS = {"done": KeptReply(201, {"location": "/v1/x"}, b'{"id": "\xff\0"}'), "runs": None}


def main(folder: Path) -> None:
    """Put jobs and uploads of every standing in, and write down how they stand."""
    shutil.rmtree(folder, ignore_errors=True)
    home = folder / "home"
    home.mkdir(parents=True)
    queue = SqliteQueue(home / "queue.sqlite", clock=lambda: NOW, max_attempts=10)
    ledger = SqliteLedger(home / "ledger.sqlite", clock=lambda: NOW)
    for number, state in enumerate(UploadState):
        ledger.add_upload(upload(number, state=state, job_id=None if state == "waiting" else f"{number:032x}"))
    ledger.add_upload(upload(50))  # its completion was cut off when its job had been put in
    ledger.add_upload(upload(51, state=UploadState.PROVISIONAL, job_id="f" * 32))
    for number in (3, 1, 2, 51, 50):  # they become done, failed, running, and queued
        enqueue(queue, number)
    for number, worker in enumerate(("done", "failed", "running", "later")):
        job = queue.claim(["verify_upload"], worker=worker, lease_s=60.0)
        assert job is not None
        if number == 0:
            queue.finish(job.id, worker=worker, result={"outcome": "kept"})
        elif number == 1:
            queue.fail(job.id, worker=worker, code="truncated", detail="it is cut off", retry_in_s=None)
        elif number == 3:
            queue.fail(job.id, worker=worker, code="unexpected", detail="once more", retry_in_s=600.0)
    for key, reply in KEYS.items():
        holder = {"holder": "me"} if "holder" in inspect.signature(ledger.begin).parameters else {}
        ledger.begin(key, body_hash="h", now=NOW, expires_at=NOW + DAY_S, **holder)
        if reply is not None:
            ledger.finish(key, reply, **holder)
    ledger.put_ticket("digest", principal='{"name": "ann"}', expires_at=NOW + 30)
    jobs = queue.jobs(limit=1_000)
    answers = {
        "jobs": [asdict(job) for job in jobs],
        "events": [[event.seq, event.event, event.job.id] for event in queue.events(0)[0]],
        "uploads": [asdict(one) for one in ledger.uploads("photos", limit=1_000)],
    }
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")
    queue.close()
    ledger.close()
    for left in home.glob("*-journal"):
        left.unlink()


def enqueue(queue: SqliteQueue, number: int) -> None:
    """A job as completing an upload puts it in."""
    payload = {"upload_id": f"{number:032x}", "completion": "c" * 64, "claimed": True, "metadata": {"label": "✂"}}
    queue.enqueue("verify_upload", collection="photos", payload=payload, owner="ann", key=f"{number:032x}")


def upload(number: int, *, state: UploadState = UploadState.WAITING, job_id: str | None = None) -> Upload:
    """One of these."""
    return Upload(
        id=f"{number:032x}",
        collection="photos",
        owner="ann",
        state=state,
        size_bytes=10 + number,
        content_type="image/png",
        sha256=f"{number:064x}",
        name=f"caf\udce9 {number}.png",
        created_at=NOW,
        expires_at=NOW + 900,
        job_id=job_id,
        metadata={"label": "a"} if job_id else {},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
