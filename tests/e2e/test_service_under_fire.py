"""A real process that hostile requests come to from all sides: it refuses them, stays small, and answers the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.e2e.conftest import Album
from tests.e2e.test_service import jpeg, serving, sha256
from tests.unit.images.test_bombs import BOMBS

MB = 1_000_000
REQUESTS, THREADS = 200, 8
MOST_GROWTH_MB = 150

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PICTURE = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
COLLECTION = "/v1/collections/c"

Attack = Callable[[httpx2.Client], httpx2.Response]


def chunked(head: bytes, size_bytes: int = 256 * MB) -> Iterator[bytes]:
    """A body whose length nobody announces."""
    yield head
    for _ in range(size_bytes // 100_000):
        yield bytes(100_000)


def parts(client: httpx2.Client) -> httpx2.Response:
    return client.post(f"{COLLECTION}/images", content=(PICTURE + b"1\r\n") * 10_000 + b"--x--\r\n", headers=FORM)


def large_form(path: str, head: bytes) -> Attack:
    return lambda client: client.post(path, content=chunked(head), headers=FORM)


def large_put(client: httpx2.Client) -> httpx2.Response:
    path = f"{COLLECTION}/images/{'0' * 64}"
    return client.put(path, content=chunked(b""), headers={"Content-Type": "image/png"})


def large_upload(client: httpx2.Client) -> httpx2.Response:
    path = f"/v1/storage/c/{'0' * 32}"
    return client.put(path, content=chunked(b""), headers={"Content-Type": "image/png"})


def large_json(client: httpx2.Client) -> httpx2.Response:
    body = b'{"ids": [' + b"1," * 1_900_000 + b"1]}"
    return client.post(f"{COLLECTION}/images/delete", content=body, headers={"Content-Type": "application/json"})


def deep_json(client: httpx2.Client) -> httpx2.Response:
    headers = {"Content-Type": "application/json"}
    return client.post(f"{COLLECTION}/search", content=b"[" * 3_900_000, headers=headers)


def bomb(name: str) -> Attack:
    return lambda client: client.post(f"{COLLECTION}/search", files={"image": BOMBS[name]})


ATTACKS: tuple[Attack, ...] = (
    parts,
    large_form(f"{COLLECTION}/search", PICTURE),
    large_form(f"{COLLECTION}/images", PICTURE),
    large_form(f"{COLLECTION}/images", FIELD),
    large_form("/v1/embeddings", PICTURE),
    large_put,
    large_upload,
    large_json,
    deep_json,
    *(bomb(name) for name in BOMBS),
)


def status_mb(pid: int, name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 / MB


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc to see the peak of memory")
def test_hostile_requests_from_all_sides_are_refused_in_little_memory(album: Album) -> None:
    with serving(album) as served, httpx2.Client(base_url=served.url, timeout=120) as client:
        for n in range(3):  # what is loaded once is loaded before
            assert client.post(f"{COLLECTION}/search", files={"image": jpeg(n)}).status_code == 200
        pid = served.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew: proc(5)
        before_mb, is_over = status_mb(pid, "VmRSS"), threading.Event()

        def attack(n: int) -> int:
            with httpx2.Client(base_url=served.url, timeout=120) as attacker:
                return ATTACKS[n % len(ATTACKS)](attacker).status_code

        def ask_on() -> list[int]:
            statuses = []
            while not is_over.wait(0.05):
                statuses.append(client.post(f"{COLLECTION}/search", files={"image": jpeg(500)}).status_code)
            return statuses

        with ThreadPoolExecutor(THREADS) as attackers, ThreadPoolExecutor(1) as asker:
            asking = asker.submit(ask_on)
            told = Counter(attackers.map(attack, range(REQUESTS)))
            is_over.set()
            answered = Counter(asking.result())
        growth_mb = status_mb(pid, "VmHWM") - before_mb
        added = client.post(f"{COLLECTION}/images", files={"image": jpeg(501)}).json()["data"][0]
        listed = client.get(f"{COLLECTION}/images").json()["data"]

    assert set(told) <= {400, 403, 413, 422, 503}, told  # 503: one caller gets no more than its share at a time
    assert told[422] > told[503]
    assert set(answered) == {200}, answered
    assert growth_mb < MOST_GROWTH_MB
    assert added["id"] == sha256(jpeg(501))
    assert len(listed) == 7
