"""A process that is killed in the middle of a request with an idempotency key: the key is told as taken, then free."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest

from lookalike.ledger import idempotency as keys
from lookalike.service.api import idempotency, images
from lookalike.service.edge import Edge
from lookalike.settings.service import ServiceSettings
from tests.collections import png
from tests.services import FIRST, Process, prepared_settings, process_of, sha256, token, whole_service
from tests.waiting import given_time_enough

LEASE_S = 4.0
BEGUN, LEASE = "begun", "lease"
DATA = png(700)
HERE = "tests.unit.service.test_killed_process"


def with_short_leases(settings: ServiceSettings) -> Edge:
    """What the other processes run."""
    keys.LEASE_S, idempotency.RENEW_EVERY_S = float((settings.home / LEASE).read_text()), 0.5
    return whole_service(settings)


def that_never_ends_a_write(settings: ServiceSettings) -> Edge:
    """What the process runs that is killed."""

    def begun(*_: Any, **__: Any) -> NoReturn:
        (settings.home / BEGUN).touch()
        while True:
            time.sleep(60)

    images._add = begun
    return with_short_leases(settings)


def add(process: Process) -> httpx2.Response:
    return httpx2.post(
        f"http://127.0.0.1:{process.port}/v1/collections/{FIRST}/images",
        files={"image": DATA},
        headers={**token("read", "write"), "Idempotency-Key": "k", "X-Timeout-Ms": "60000"},
        timeout=120,
        trust_env=False,
    )


def test_the_key_of_a_killed_process_is_told_as_taken_and_frees_itself_within_its_lease(tmp_path: Path) -> None:
    given_time_enough(lambda times: is_told_as_taken_and_frees_itself(tmp_path / str(times), lease_s=LEASE_S * times))


def is_told_as_taken_and_frees_itself(folder: Path, *, lease_s: float) -> None:
    folder.mkdir()
    settings, ids = prepared_settings(folder, port=0)
    (settings.home / LEASE).write_text(str(lease_s))
    with (
        process_of(settings, ids, factory=f"{HERE}.that_never_ends_a_write") as killed,
        process_of(settings, ids, factory=f"{HERE}.with_short_leases") as other,
        ThreadPoolExecutor(1) as client,
    ):
        asked = client.submit(add, killed)
        until = time.monotonic() + 120
        while not (settings.home / BEGUN).exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        os.kill(killed.pid, signal.SIGKILL)
        with pytest.raises(httpx2.TransportError):
            asked.result()

        taken = add(other)
        free_at = time.monotonic() + int(taken.headers.get("retry-after", 0))
        assert (taken.status_code, taken.json()["code"]) == (409, "idempotency_running")
        assert 1 <= int(taken.headers["retry-after"]) <= lease_s

        with process_of(settings, ids, factory=f"{HERE}.with_short_leases") as restarted:
            time.sleep(max(0.0, free_at - time.monotonic()))
            done, again = add(restarted), add(other)
    assert (done.status_code, done.json()["data"]) == (200, [{"name": "upload", "status": "added", "id": sha256(DATA)}])
    assert "Idempotency-Replayed" not in done.headers
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", done.json())
