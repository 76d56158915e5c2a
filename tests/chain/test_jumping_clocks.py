"""Clocks of a service and a worker that jump an hour forth and back all the time: what was acknowledged is kept."""

from __future__ import annotations

import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.flows import Api, ClassicFlow, DirectFlow, Flow, Refused, wait_searchable
from chain.parts import Parts
from chain.programs import service, worker
from chain.siege import insist
from tests.chain.conftest import photos_of, settings_of
from tests.waiting import eventually

PHOTOS = int(os.environ.get("JUMPED_PHOTOS", "4"))
"""More for a longer round: `JUMPED_PHOTOS=500 make test PYTEST=tests/chain/test_jumping_clocks.py`."""

CLIENTS = 4
HOUR_S = 3_600
COLLECTION = "jumping"
JUMPING = """
import time

def jumping(clock, hour):
    began = time.monotonic()
    return lambda: clock() + (0, hour, 0, -hour)[int((time.monotonic() - began) / 0.4) % 4]

time.time, time.time_ns = jumping(time.time, 3_600), jumping(time.time_ns, 3_600_000_000_000)
"""


@pytest.mark.timeout(3_600)
def test_what_was_acknowledged_is_there_with_its_bytes(parts: Parts, tmp_path: Path) -> None:
    photos, model_id = photos_of(PHOTOS)
    direct = DirectFlow(model_id=model_id)
    flows: list[Flow] = [ClassicFlow(), direct]
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(JUMPING)  # which each Python imports first
    clock = {"PYTHONPATH": str(tmp_path / "clock")}
    serving = service(environment={**settings_of(parts, tmp_path / "s"), **clock}, log=tmp_path / "s.log")
    working = worker(environment={**settings_of(parts, tmp_path / "w"), **clock}, log=tmp_path / "w.log")
    api = Api(serving.url)
    try:
        serving.start()
        working.start()
        insist(lambda api: api.call("PUT", f"/v1/collections/{COLLECTION}"), serving.url)

        begin = partial(direct.begin, photos[0], api, collection=COLLECTION)
        eventually(lambda: abs(age_s(begin(once=secrets.token_hex(8)))) > HOUR_S / 2)  # so it does jump

        def upload(n: int, flow: Flow) -> None:
            for attempt in count():
                once = f"{COLLECTION}-{n}-{flow.name}-{attempt}"
                try:
                    insist(partial(flow.upload, photos[n], collection=COLLECTION, once=once), serving.url)
                except Refused as error:
                    if "expired" not in str(error).lower():  # an upload's time may be over sooner than was said
                        raise
                else:
                    return

        def bring_take_away_and_bring_again(n: int) -> None:
            upload(n, flows[n % 2])
            path = f"/v1/collections/{COLLECTION}/images/{photos[n].id}"
            insist(
                lambda api: wait_searchable(photos[n], api, collection=COLLECTION, model_id=model_id, within_s=60),
                serving.url,
            )
            insist(lambda api: gone(api, path), serving.url)
            upload(n, flows[(n + 1) % 2])

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(bring_take_away_and_bring_again, range(PHOTOS)))

        for photo in photos:
            wait_searchable(photo, api, collection=COLLECTION, model_id=model_id, within_s=60)
            told = f"/v1/collections/{COLLECTION}/images/{photo.id}"
            assert api.call("GET", told)["size_bytes"] == len(photo.data)
            with urlopen(f"{serving.url}{told}/file") as reply:
                assert reply.read() == photo.data
        eventually(lambda: {job["state"] for job in api.call("GET", "/v1/jobs?limit=200")["data"]} == {"done"})
        assert api.call("GET", f"/v1/collections/{COLLECTION}")["images"] == PHOTOS
    finally:
        api.close()
        working.stop()
        serving.stop()


def age_s(upload: dict[str, Any]) -> float:
    """By the service's clock and ours."""
    return time.time() - datetime.fromisoformat(upload["created_at"]).timestamp()


def gone(api: Api, path: str) -> None:
    """Whether by this request or by one whose answer was lost."""
    try:
        api.call("DELETE", path)
    except Refused as error:
        if error.status != 404:
            raise
