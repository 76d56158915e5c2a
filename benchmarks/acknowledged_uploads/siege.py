"""Upload pictures into a collection that is being indexed into, while the service and the indexing are killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

import lookalike
from benchmarks.ports import free_port

ROOT = Path(__file__).parents[2]
NAME = "photos"
CLIENTS = 4
PATIENCE_S = 300.0


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        acknowledged: uploads that the service said it had.
        not_found: of these, those that a search does not find, or finds only by their client's word, in the end.
        failed: jobs that were given up.
        seconds: how long uploads were sent.
        indexing_s: for how much of that an indexing run was going on.
        service_kills, index_kills: processes that were killed by SIGKILL.
        waits_s: for each upload, from its first request to its acknowledgement, kills of the service included.
        photos_wrong: indexed photos that are missing in the end, or there more than once.
    """

    acknowledged: int
    not_found: int
    failed: int
    seconds: float
    indexing_s: float
    service_kills: int
    index_kills: int
    waits_s: list[float]
    photos_wrong: int


class Kills(NamedTuple):
    """How often processes are killed, in seconds: at a random moment up to twice as long after their start."""

    service_every_s: float
    index_every_s: float


def besiege(
    folder: Path, photos: Path, pictures: Sequence[bytes], *, kills: Kills, pace_s: float, seed: int = 0
) -> Outcome:
    """Upload while a folder is indexed into the same collection, and processes are killed.

    Args:
        folder: an empty one, for the collection and the service's own files.
        photos: a folder of pictures that takes longer to index than the uploads take.
        pictures: to be uploaded, in turn as a direct upload with a vector, without one, at once and queued.
        kills: how often; the service no sooner than it takes to start, or it would never get anything done.
        pace_s: seconds between the beginnings of two uploads; longer where the first kill would else come too late.
        seed: of the moments.
    Raises:
        RuntimeError: when the service does not start, or its jobs do not end.
    """
    collection = folder / NAME
    with lookalike.open(collection) as opened:
        vectors = [vector.tolist() for vector in opened.embed(*pictures)]
        model = opened.info().model
    service = _Service(folder, collection)
    stop = threading.Event()
    chance = random.Random(seed)
    indexing = _Indexing(collection, photos)
    try:
        begun = time.monotonic()
        service.start()
        service_every_s = max(kills.service_every_s, time.monotonic() - begun)
        pace_s = max(pace_s, 2.5 * service_every_s / len(pictures))  # the first kill comes within two, see `suffer`
        threads = [
            threading.Thread(target=indexing.run, args=(stop, random.Random(chance.random()), kills.index_every_s)),
            threading.Thread(target=service.suffer, args=(stop, random.Random(chance.random()), service_every_s)),
        ]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        try:
            waits = _upload_all(service.url, pictures, vectors, model, pace_s=pace_s)
            seconds, indexing_s = time.monotonic() - begun, indexing.busy_s
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        service.start()
        indexing.once()
        ids = [_sha256(picture) for picture in pictures]
        failed = _wait_for_jobs(service.url)
        not_found = sum(not _is_found(service.url, one) for one in ids)
    finally:
        service.stop()
    return Outcome(
        acknowledged=len(waits),
        not_found=not_found,
        failed=failed,
        seconds=seconds,
        indexing_s=indexing_s,
        service_kills=service.kills,
        index_kills=indexing.kills,
        waits_s=waits,
        photos_wrong=_wrong(collection, photos),
    )


class _Service:
    """`lookalike serve` on a port that stays the same."""

    def __init__(self, folder: Path, collection: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.kills = 0
        command = [sys.executable, "-m", "lookalike", "serve", "-q", "-c", str(collection), "--port", str(port)]
        self._command = [*command, "--home", str(folder / "home")]
        self._log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it until it answers; where it runs, that is all."""
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as log:
                environment = {**os.environ, "LOOKALIKE_SERVE_RATE_PER_MINUTE": "0"}
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment, cwd=ROOT)
        _until(lambda: _answers(self.url), what=f"the service starts, see {self._log}")

    def suffer(self, stop: threading.Event, chance: random.Random, every_s: float) -> None:
        """Be killed and started again."""
        while not stop.wait(chance.uniform(0, 2 * every_s)):
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self.kills += 1
            self.start()

    def stop(self) -> None:
        """End it in peace."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class _Indexing:
    """`lookalike index`, again and again."""

    def __init__(self, collection: Path, photos: Path) -> None:
        command = [sys.executable, "-m", "lookalike", "index", str(photos), "-c", str(collection), "-q"]
        self._command = [*command, "--threads", "1"]
        self.kills = 0
        self.busy_s = 0.0

    def run(self, stop: threading.Event, chance: random.Random, every_s: float) -> None:
        """Begin, be killed half way, and begin again."""
        while not stop.is_set():
            begun = time.monotonic()
            with subprocess.Popen(self._command, cwd=ROOT) as process:
                end = begun + chance.uniform(0.5, 2 * every_s)
                while process.poll() is None and time.monotonic() < end and not stop.is_set():
                    self._wait(process)
                if process.poll() is None:
                    process.kill()
                    self.kills += 1

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        begun = time.monotonic()
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.busy_s += time.monotonic() - begun

    def once(self) -> None:
        """Run to the end."""
        subprocess.run(self._command, check=True, cwd=ROOT)


def _upload_all(
    url: str, pictures: Sequence[bytes], vectors: Sequence[list[float]], model: str, *, pace_s: float
) -> list[float]:
    """Seconds until each was acknowledged."""
    begun = time.monotonic()

    def upload(n: int) -> float:
        time.sleep(max(0.0, begun + n * pace_s - time.monotonic()))
        first = time.monotonic()
        with httpx2.Client(base_url=url, timeout=60) as client:
            _WAYS[n % len(_WAYS)](client, pictures[n], vectors[n], model)
        return time.monotonic() - first

    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(upload, range(len(pictures))))


def _direct(client: httpx2.Client, data: bytes, vector: list[float] | None, model: str) -> None:
    base = f"/v1/collections/{NAME}/uploads"
    announced = {"size_bytes": len(data), "content_type": "image/jpeg", "sha256": _sha256(data)}
    upload = _insist(lambda: client.post(base, json=announced))
    put = upload["put"]
    _insist(lambda: client.put(put["url"], content=data, headers=put["headers"]))
    said: dict[str, Any] = {"sha256": _sha256(data)}
    if vector is not None:
        said |= {"vector": vector, "model": model}
    _insist(lambda: client.post(f"{base}/{upload['id']}/complete", json=said))


def _at_once(client: httpx2.Client, data: bytes, *, mode: str) -> None:
    files = {"image": ("a.jpg", data, "image/jpeg")}
    reply = _insist(lambda: client.post(f"/v1/collections/{NAME}/images?mode={mode}", files=files))
    if reply["data"][0]["status"] not in ("added", "unchanged", "queued"):
        raise RuntimeError(f"an upload was refused: {reply}")


_WAYS: tuple[Callable[[httpx2.Client, bytes, list[float], str], None], ...] = (
    _direct,
    lambda client, data, _, model: _direct(client, data, None, model),
    lambda client, data, _, __: _at_once(client, data, mode="now"),
    lambda client, data, _, __: _at_once(client, data, mode="queued"),
)


def _insist(ask: Callable[[], httpx2.Response]) -> Any:
    """Ask until there is an answer: a client that wants its upload acknowledged.

    Raises:
        RuntimeError: when the service refuses, or does not answer for long.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            reply = ask()
        except httpx2.HTTPError:
            time.sleep(0.2)
            continue
        if reply.is_success:
            return json.loads(reply.content or b"null")
        if reply.status_code < 500:
            raise RuntimeError(f"expected an upload to be taken, got {reply.status_code}: {reply.text[:500]}")
        time.sleep(0.2)
    raise RuntimeError(f"the service gave no answer for {PATIENCE_S:.0f} s")


def _wait_for_jobs(url: str) -> int:
    """Until all jobs have ended; how many failed."""

    def count(state: str) -> int:
        return len(httpx2.get(f"{url}/v1/jobs?state={state}&limit=200", timeout=60).json()["data"])

    _until(lambda: count("queued") + count("running") == 0, what="the jobs end")
    return count("failed")


def _is_found(url: str, image_id: str) -> bool:
    """Whether a picture is what a search for it finds first, by our own vector."""
    reply = httpx2.post(f"{url}/v1/collections/{NAME}/search", json={"id": image_id, "k": 1}, timeout=60)
    if reply.status_code != 200:
        return False
    (hit,) = reply.json()["hits"]
    return bool(hit["id"] == image_id and not hit["provisional"])


def _wrong(collection: Path, photos: Path) -> int:
    wanted = {str(path) for path in photos.rglob("*") if path.is_file()}
    with lookalike.open(collection) as opened:
        catalog = opened._parts.catalog  # what is stored is shown whole by nothing public
        paths = [file.path for file in catalog.files()]
        damage = catalog.check()
    return len(wanted ^ set(paths)) + len(paths) - len(set(paths)) + len(damage)


def _answers(url: str) -> bool:
    try:
        return bool(httpx2.get(f"{url}/readyz", timeout=5).is_success)
    except httpx2.HTTPError:
        return False


def _until(is_so: Callable[[], bool], *, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError(f"expected that {what}, but not within {PATIENCE_S:.0f} s")
        time.sleep(0.2)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
