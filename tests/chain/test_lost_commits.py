"""Connections to PostgreSQL break in the middle of commits: whoever does not know what became of one asks again."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.flows import Api, ClassicFlow, DirectFlow, Flow, wait_searchable
from chain.parts import Parts
from chain.programs import service, worker
from chain.siege import insist
from tests.chain.conftest import photos_of, settings_of
from tests.servers.cut import Cut, Loss
from tests.waiting import eventually

PHOTOS = int(os.environ.get("CUT_PHOTOS", "8"))
"""More for a longer round: `CUT_PHOTOS=500 make test PYTEST=tests/chain/test_lost_commits.py`."""

CLIENTS = 4
COLLECTION = "cut"


def losses(seed: int) -> Iterator[Loss | None]:
    """Of every fifth commit or so, in turn the answer and all of it."""
    chance = random.Random(seed)
    while True:
        for loss in Loss:
            yield from [None] * chance.randrange(2, 7)
            yield loss


@pytest.mark.timeout(3_600)
def test_each_picture_is_there_once_whichever_commits_were_lost(parts: Parts, tmp_path: Path) -> None:
    photos, model_id = photos_of(PHOTOS)
    flows: list[Flow] = [ClassicFlow(), DirectFlow(model_id=model_id)]
    with closing(Cut(parts.postgres.port, losses=losses(0))) as cut:
        settings = {
            name: value.replace(f":{parts.postgres.port}/", f":{cut.port}/")
            for name, value in settings_of(parts, tmp_path).items()
        }
        serving = service(environment={**settings, "LOOKALIKE_SERVE_HOME": str(tmp_path / "s")}, log=tmp_path / "s.log")
        working = worker(environment={**settings, "LOOKALIKE_SERVE_HOME": str(tmp_path / "w")}, log=tmp_path / "w.log")
        api = Api(serving.url)
        try:
            serving.start()
            working.start()
            insist(lambda api: api.call("PUT", f"/v1/collections/{COLLECTION}"), serving.url)

            def upload(n: int) -> None:
                once = f"{COLLECTION}-{n}"
                flow = flows[n % 2]
                insist(lambda api: flow.upload(photos[n], api, collection=COLLECTION, once=once), serving.url)

            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(upload, range(PHOTOS)))

            assert set(cut.cuts) == set(Loss)
            for photo in photos:
                insist(
                    lambda api, photo=photo: wait_searchable(  # type: ignore[misc]  # bound now, not later
                        photo, api, collection=COLLECTION, model_id=model_id, within_s=60
                    ),
                    serving.url,
                )
            eventually(lambda: {job["state"] for job in api.call("GET", "/v1/jobs?limit=200")["data"]} == {"done"})
            assert len(api.call("GET", "/v1/jobs?limit=200")["data"]) == min(PHOTOS, 200)
            assert api.call("GET", f"/v1/collections/{COLLECTION}")["images"] == PHOTOS
        finally:
            api.close()
            working.stop()
            serving.stop()
