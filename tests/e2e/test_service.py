"""`lookalike serve` and `lookalike worker` as processes, as they are run."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.e2e.conftest import Album
from tests.unit.images.pictures import encoded, scene
from tests.waiting import eventually


class Served(NamedTuple):
    """A service as a process."""

    url: str
    process: subprocess.Popen[str]

    def post(self, path: str, **named: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, timeout=60, **named)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=60)


@contextmanager
def serving(album: Album, *arguments: str, **variables: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "lookalike", "serve", "-c", str(album.collection), "-q", "--port", "0"]
    home = () if "--home" in arguments else ("--home", str(album.collection.parent / "home"))
    process = subprocess.Popen(
        [*command, *home, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    assert process.stdout is not None
    try:
        yield Served(process.stdout.readline().strip(), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def jpeg(seed: int) -> bytes:
    return encoded(scene(seed=seed), "JPEG")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_two_processes_answer_for_one_collection_and_each_sees_what_the_other_took_in(album: Album) -> None:
    with serving(album, "--workers", "2") as served:
        for seed in range(100, 108):
            added = served.post("/v1/collections/c/images", files={"image": jpeg(seed)}).json()["data"][0]
            assert added["status"] == "added"
            for _ in range(4):  # of which some meet the other process
                reply = served.post("/v1/collections/c/search", files={"image": jpeg(seed)})
                assert reply.json()["hits"][0]["id"] == sha256(jpeg(seed))
        assert served.get("/v1/collections/c").json()["images"] == 14


def test_what_was_acknowledged_survives_the_death_of_every_process(album: Album) -> None:
    acknowledged: list[str] = []
    with serving(album, "--workers", "2") as served:
        stop = threading.Event()

        def add() -> None:
            for seed in range(200, 260):
                if stop.is_set():
                    return
                try:
                    reply = served.post("/v1/collections/c/images", files={"image": jpeg(seed)})
                except httpx2.HTTPError:
                    continue
                if reply.status_code == 200 and reply.json()["data"][0]["status"] == "added":
                    acknowledged.append(sha256(jpeg(seed)))

        adding = threading.Thread(target=add)
        adding.start()
        while len(acknowledged) < 5:
            time.sleep(0.01)
        for pid in children(served.process.pid):
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
        while len(acknowledged) < 12 and adding.is_alive():
            time.sleep(0.01)
        stop.set()
        adding.join()
    with serving(album) as served:
        listed = served.get("/v1/collections/c/images?limit=200").json()["data"]

    assert len(acknowledged) >= 12
    assert set(acknowledged) <= {one["id"] for one in listed}


def test_a_request_under_way_is_answered_when_the_service_is_told_to_stop(album: Album) -> None:
    with serving(album) as served:
        replies: list[httpx2.Response] = []
        files = [("image", jpeg(seed)) for seed in range(300, 330)]
        asking = threading.Thread(target=lambda: replies.append(served.post("/v1/collections/c/images", files=files)))
        asking.start()
        eventually(lambda: 'lookalike_running{kind="http"} 2.0' in served.get("/metrics").text)  # itself and the other
        served.process.send_signal(signal.SIGTERM)
        asking.join()

        assert served.process.wait(60) == 0
    assert [one["status"] for one in replies[0].json()["data"]] == ["added"] * 30


def test_a_worker_of_its_own_does_what_the_service_queues(album: Album) -> None:
    with serving(album, LOOKALIKE_SERVE_RUN_WORKER="false") as served:
        queued = served.post("/v1/collections/c/images?mode=queued", files={"image": jpeg(400)}).json()["data"][0]
        command = [sys.executable, "-m", "lookalike", "worker", "-c", str(album.collection)]
        worker = subprocess.Popen([*command, "--home", str(album.collection.parent / "home")])
        try:
            job = f"/v1/jobs/{queued['job_id']}"
            state = eventually(lambda: told if (told := served.get(job).json()["state"]) in ("done", "failed") else "")
        finally:
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(60)

        assert (state, code) == ("done", 0)
        assert served.get(f"/v1/collections/c/images/{sha256(jpeg(400))}").status_code == 200


def test_the_service_of_nobody_in_particular_listens_to_this_machine_alone(album: Album) -> None:
    command = [sys.executable, "-m", "lookalike", "serve", "-c", str(album.collection), "--host", "0.0.0.0"]
    done = subprocess.run(
        [*command, "--home", str(album.collection.parent / "home")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 65
    assert "lookalike key add" in done.stderr


def test_a_page_elsewhere_cannot_ride_on_the_trust_of_this_machine(album: Album) -> None:
    with serving(album) as served:
        foreign = httpx2.get(served.url + "/v1/session", headers={"Origin": "https://evil.example"})
        rebound = httpx2.get(served.url + "/v1/session", headers={"Host": "evil.example"})
        own = httpx2.get(served.url + "/v1/session", headers={"Origin": served.url})

    assert (foreign.status_code, rebound.status_code, own.status_code) == (401, 401, 200)


def children(pid: int) -> list[int]:
    """The processes that answer: not the one that looks after them, nor Python's own tracker."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
            command = (place.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(words[1]) == pid and "resource_tracker" not in command:
            found.append(int(place.parent.name))
    return found


@pytest.mark.parametrize("body", [b'{"vector": [1e999]}', json.dumps({"vector": [0.1] * 5}).encode()])
def test_bad_requests_of_a_real_client_are_problems(album: Album, body: bytes) -> None:
    with serving(album) as served:
        reply = httpx2.post(
            served.url + "/v1/collections/c/search", content=body, headers={"Content-Type": "application/json"}
        )

    assert 400 <= reply.status_code < 500
    assert reply.headers["content-type"] == "application/problem+json"
