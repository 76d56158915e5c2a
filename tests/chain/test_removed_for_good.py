"""A picture whose removal the service has acknowledged never comes back, though all processes are killed then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.flows import Api, ClassicFlow, DirectFlow, Flow, Photo, Refused, is_searchable, wait_searchable
from chain.parts import Parts
from chain.programs import service, worker
from tests.chain.conftest import photos_of, settings_of
from tests.waiting import eventually

KILLS = int(os.environ.get("REMOVAL_KILLS", "2"))
"""More for a longer round: `REMOVAL_KILLS=100 make test PYTEST=tests/chain/test_removed_for_good.py`."""

AFTER_ITS_LEASE_S = 120
"""What a killed worker had begun waits for the end of its lease, which is 30 s."""

COLLECTION = "removing-for-good"


@pytest.mark.timeout(3_600)
def test_what_was_removed_is_found_by_no_search_once_all_is_up_again(parts: Parts, tmp_path: Path) -> None:
    (stays, *removed), model_id = photos_of(1 + KILLS)
    serving = service(environment=settings_of(parts, tmp_path / "service"), log=tmp_path / "service.log")
    working = worker(environment=settings_of(parts, tmp_path / "worker"), log=tmp_path / "worker.log")
    flows: list[Flow] = [DirectFlow(model_id=model_id), ClassicFlow()]  # by the first it is there before the worker's
    api = Api(serving.url)
    try:
        serving.start()
        working.start()
        api.call("PUT", f"/v1/collections/{COLLECTION}")
        flows[1].upload(stays, api, collection=COLLECTION, once="stays")
        for n, photo in enumerate(removed):
            flows[n % 2].upload(photo, api, collection=COLLECTION, once=f"removed-{n}")
            eventually(lambda photo=photo: is_there(photo, api))  # type: ignore[misc]  # bound now, not later
            api.call("DELETE", f"/v1/collections/{COLLECTION}/images/{photo.id}")
            for program in (serving, working):
                program.kill()
            for program in (serving, working):
                program.start()
            api.close()  # it connects anew

        wait_searchable(stays, api, collection=COLLECTION, model_id=model_id, within_s=AFTER_ITS_LEASE_S)
        eventually(lambda: not unfinished(api), within_s=AFTER_ITS_LEASE_S)
        for photo in removed:
            assert not is_there(photo, api)
            assert not is_searchable(photo, api, collection=COLLECTION, model_id=model_id)
        assert api.call("GET", f"/v1/collections/{COLLECTION}")["images"] == 1
        assert [one["id"] for one in api.call("GET", f"/v1/collections/{COLLECTION}/images")["data"]] == [stays.id]
    finally:
        api.close()
        serving.stop()
        working.stop()


def is_there(photo: Photo, api: Api) -> bool:
    """Whether the collection says that it has it."""
    try:
        api.call("GET", f"/v1/collections/{COLLECTION}/images/{photo.id}")
    except Refused as error:
        if error.status != 404:
            raise
        return False
    return True


def unfinished(api: Api) -> list[str]:
    """The jobs that are still to be done."""
    jobs = api.call("GET", "/v1/jobs?limit=100")["data"]
    return [job["id"] for job in jobs if job["state"] not in ("done", "failed")]
