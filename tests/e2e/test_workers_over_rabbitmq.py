"""Uploads over a service with its ledger in SQLite, a real RabbitMQ, and workers in processes of their own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import httpx2
import pytest

pytest.importorskip("aio_pika", reason="the extra rabbitmq is not installed")

from chain.rabbitmq import RabbitServer
from lookalike.assembly.service import open_ledger
from lookalike.jobs.base import Job, JobState
from lookalike.settings.service import ServiceSettings
from tests.collections import png
from tests.processes import next_line
from tests.services import FIRST, prepared_settings, process_of, sha256, token
from tests.unit.dispatch.test_rabbitmq import waiting
from tests.unit.images.test_apart import lives
from tests.waiting import eventually

WRITER = token("read", "write")
UPLOADS = f"/v1/collections/{FIRST}/uploads"


class Hosted(NamedTuple):
    """A service that answers, with what its workers are to know."""

    client: httpx2.Client
    settings: ServiceSettings
    server: RabbitServer

    def upload(self, data: bytes) -> str:
        """The id of an upload of which the service has acknowledged that it is taken in."""
        announced = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
        upload = self.client.post(UPLOADS, json=announced).raise_for_status().json()
        put = upload["put"]
        self.client.put(put["url"], content=data, headers=put["headers"]).raise_for_status()
        path = f"{UPLOADS}/{upload['id']}/complete"
        self.client.post(path, json={"sha256": sha256(data)}).raise_for_status()
        return str(upload["id"])

    def state(self, upload_id: str) -> dict[str, str]:
        """How it stands."""
        upload = self.client.get(f"{UPLOADS}/{upload_id}").raise_for_status().json()
        return {name: upload[name] for name in ("state", "code", "detail")}

    def jobs(self) -> list[Job]:
        """All of them, as the ledger has them."""
        with open_closing(self.settings) as ledger:
            return ledger.jobs.jobs(limit=1_000)

    def check_all_is_empty(self) -> None:
        """Nobody is to be told of anything any more."""
        with open_closing(self.settings) as ledger:
            eventually(lambda: ledger.jobs.outbox() == [])
        eventually(lambda: waiting(self.settings.broker, "lookalike.verify_upload") == 0)

    def check_each_was_done_once(self, count: int) -> None:
        """So many uploads, and no more is in the collection than those."""
        with open_closing(self.settings) as ledger:
            events, _ = ledger.jobs.events(0, limit=10_000)
        done = Counter(event.job.id for event in events if event.event == "job.done")
        assert (len(done), set(done.values())) == (count, {1})


@contextmanager
def open_closing(settings: ServiceSettings) -> Iterator:  # type: ignore[type-arg]
    ledger = open_ledger(settings.home)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def hosted(rabbit_server: RabbitServer, tmp_path: Path) -> Iterator[Hosted]:
    vhost = f"test-{token_hex(4)}"
    rabbit_server.control("add_vhost", vhost)
    rabbit_server.control("set_permissions", "-p", vhost, "guest", *["^lookalike"] * 3)
    settings, ids = prepared_settings(tmp_path, port=0, drain_s=2.0, broker=f"{rabbit_server.url}{vhost}")
    with (
        process_of(settings, ids) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{process.port}", headers=WRITER, timeout=60.0) as client,
    ):
        yield Hosted(client, settings, rabbit_server)


@contextmanager
def working(hosted: Hosted, *, concurrency: int = 2) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, which ends with the block."""
    settings = hosted.settings.home.parent / f"settings-{token_hex(4)}"
    settings.write_bytes(pickle.dumps(hosted.settings))
    with settings.open("rb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.over_rabbitmq", str(concurrency)],
            stdin=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
        )
    with process:
        try:
            assert next_line(process) == "works"
            yield process
        finally:
            process.kill()


def decoders_of(process: subprocess.Popen[str]) -> list[int]:
    """Processes that decode for it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == process.pid and b"poisoned_child" in folder.joinpath("cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def all_end(hosted: Hosted, uploads: list[str]) -> bool:
    return all(hosted.state(one)["state"] in ("stored", "failed") for one in uploads)


def test_uploads_are_all_done_each_once_by_two_workers(hosted: Hosted) -> None:
    N = 30
    with working(hosted), working(hosted):
        uploads = [hosted.upload(png(1_000 + number)) for number in range(N)]
        eventually(lambda: all_end(hosted, uploads))
        assert {hosted.state(one)["state"] for one in uploads} == {"stored"}
        hosted.check_all_is_empty()
    hosted.check_each_was_done_once(N)
    assert {(job.state, job.attempts) for job in hosted.jobs()} == {(JobState.DONE, 1)}
    there = hosted.client.get(f"/v1/collections/{FIRST}").json()["images"]
    assert there == N + 6


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_whatever_dies_all_uploads_are_done_but_those_that_bring_decoders_down(hosted: Hosted) -> None:
    N = 40
    with working(hosted) as doomed, working(hosted) as other:
        good = [hosted.upload(png(2_000 + number)) for number in range(N // 2)]
        for pid in eventually(lambda: decoders_of(other)):
            os.kill(pid, signal.SIGKILL)
        bad = [hosted.upload(png(50) + b"crash"), hosted.upload(png(51) + b"grow")]  # whose last try none of those was
        orphans = eventually(lambda: decoders_of(doomed))
        doomed.kill()
        doomed.wait()
        hosted.server.kill()
        hosted.server.start()
        good += [hosted.upload(png(3_000 + number)) for number in range(N // 2)]
        with working(hosted):
            eventually(lambda: all_end(hosted, [*bad, *good]))
            hosted.check_all_is_empty()
    eventually(lambda: not any(map(lives, orphans)))
    assert {hosted.state(one)["state"] for one in good} == {"stored"}
    told = [hosted.state(one) for one in bad]
    assert [(one["state"], one["code"]) for one in told] == [("failed", "decoder_died")] * 2
    assert "SIGSEGV" in told[0]["detail"]
    assert "ran out of memory" in told[1]["detail"]
    hosted.check_each_was_done_once(N)
    failed = [job for job in hosted.jobs() if job.state is JobState.FAILED]
    assert all(job.attempts in (5, 6) for job in failed)  # the worker that was killed may have had one in hand


def test_a_worker_that_is_told_to_stop_under_load_finishes_or_gives_back_what_it_has_and_ends_well(
    hosted: Hosted,
) -> None:
    N = 40
    uploads = [hosted.upload(png(4_000 + number)) for number in range(N)]
    with working(hosted, concurrency=3) as process:
        eventually(lambda: any(job.state is JobState.DONE for job in hosted.jobs()))
        process.send_signal(signal.SIGTERM)
        assert next_line(process) == "ended"
        assert process.wait(60) == 0
    jobs = hosted.jobs()
    assert {job.state for job in jobs} <= {JobState.DONE, JobState.QUEUED}  # it has none in hand any more
    with working(hosted):
        eventually(lambda: all_end(hosted, uploads))
        hosted.check_all_is_empty()
    hosted.check_each_was_done_once(N)
    assert {job.attempts for job in hosted.jobs()} == {1}


def test_a_worker_that_is_told_to_stop_gives_back_a_picture_that_does_not_end(hosted: Hosted) -> None:
    upload = hosted.upload(png(60) + b"loop")
    with working(hosted, concurrency=1) as process:
        eventually(lambda: any(job.state is JobState.RUNNING for job in hosted.jobs()))
        decoders = eventually(lambda: decoders_of(process))
        process.send_signal(signal.SIGTERM)
        assert next_line(process) == "ended"
        assert process.wait(60) == 0
    assert not any(map(lives, decoders))
    (job,) = hosted.jobs()
    assert job.state is JobState.QUEUED
    assert hosted.state(upload)["state"] == "queued"
