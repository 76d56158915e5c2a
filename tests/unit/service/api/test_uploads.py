from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.collection import Collection
from lookalike.collection.hosting import Hosting
from lookalike.core.errors import StorageFailed
from lookalike.ledger.base import Quota, ReplyQuota
from lookalike.service.api import idempotency, uploads
from lookalike.service.housework import Housework
from tests.collections import D, png
from tests.services import FIRST, Running, running, sha256, token, unit
from tests.storage import put_bytes
from tests.unit.service.api.doors import until
from tests.waiting import eventually

UPLOADS = f"/v1/collections/{FIRST}/uploads"
READER, WRITER, OTHER = token("read"), token("write"), token("write", name="another")


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Running]:
    """A service whose worker works."""
    stop = threading.Event()
    with running(tmp_path) as served:
        housework = Housework(served.service)
        housework.start(stop)
        yield served
        stop.set()
        housework.join()


def ask(served: Running, data: bytes, **changed: object) -> dict:
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data), **changed}
    reply = served.client.post(UPLOADS, json=body, headers=WRITER)
    assert reply.status_code == 201, reply.text
    return reply.json()


def put(served: Running, upload: dict, data: bytes):
    return put_bytes(served.client, upload["put"], data)


def complete(served: Running, upload: dict, body: dict, headers: dict[str, str] = WRITER):
    return served.client.post(f"{UPLOADS}/{upload['id']}/complete", json=body, headers=headers)


def uploaded(served: Running, data: bytes) -> dict:
    upload = ask(served, data)
    assert put(served, upload, data).status_code == 200
    return upload


def our_vector(served: Running, data: bytes) -> list[float]:
    return served.service.collections.get(FIRST).embed(data)[0].tolist()


def outcome(served: Running, upload: dict) -> dict:
    return until(
        lambda: served.client.get(f"{UPLOADS}/{upload['id']}", headers=WRITER).json(),
        lambda state: state["state"] not in ("waiting", "provisional", "queued"),
    )


def test_a_picture_with_its_vector_is_found_at_once_and_kept(working: Running) -> None:
    data = png(40)
    upload = uploaded(working, data)

    reply = complete(
        working, upload, {"sha256": sha256(data), "vector": our_vector(working, data), "model": working.model}
    )
    found = working.client.post(f"/v1/collections/{FIRST}/search", files={"image": data}, headers=READER).json()[
        "hits"
    ][0]

    assert reply.json()["state"] == "provisional"
    assert found["id"] == sha256(data)
    assert outcome(working, upload)["state"] == "kept"
    after = working.client.get(f"/v1/collections/{FIRST}/images/{sha256(data)}", headers=READER).json()
    assert after["provisional"] is False


def test_a_vector_that_is_a_little_off_is_replaced_and_one_far_off_takes_the_picture_out(working: Running) -> None:
    ours = np.array(our_vector(working, png(41)))
    noise = np.random.default_rng(0).normal(size=D)
    noise -= (noise @ ours) * ours
    near = ours + 0.3 * noise / np.linalg.norm(noise)
    first, second = uploaded(working, png(41)), uploaded(working, png(42))

    complete(
        working,
        first,
        {"sha256": sha256(png(41)), "vector": (near / np.linalg.norm(near)).tolist(), "model": working.model},
    )
    far = -np.array(our_vector(working, png(42)))
    complete(working, second, {"sha256": sha256(png(42)), "vector": far.tolist(), "model": working.model})

    assert outcome(working, first)["state"] == "replaced"
    assert outcome(working, second)["state"] == "quarantined"
    gone = working.client.get(f"/v1/collections/{FIRST}/images/{sha256(png(42))}", headers=READER)
    assert gone.status_code == 404
    metrics = working.client.get("/metrics", headers=token("admin")).text
    assert "quarantined" in metrics


def test_a_picture_without_a_vector_is_queued_and_stored(working: Running) -> None:
    upload = uploaded(working, png(43))

    assert complete(working, upload, {"sha256": sha256(png(43)), "metadata": {"a": 1}}).json()["state"] == "queued"
    assert outcome(working, upload)["state"] == "stored"
    found = working.client.get(f"/v1/collections/{FIRST}/images/{sha256(png(43))}", headers=READER).json()
    assert found["metadata"] == {"a": 1}


def test_pictures_of_a_form_can_be_queued_and_their_jobs_looked_at(working: Running) -> None:
    reply = working.client.post(
        f"/v1/collections/{FIRST}/images?mode=queued",
        files=[("image", png(44)), ("image", b"no picture")],
        headers=WRITER,
    )

    first, second = reply.json()["data"]
    assert reply.status_code == 202
    assert (first["status"], second["status"]) == ("queued", "refused")
    job = working.client.get(reply.headers["location"], headers=READER).json()
    assert job["id"] == first["job_id"]
    assert "payload" not in job
    assert first["job_id"] in [one["id"] for one in working.client.get("/v1/jobs", headers=READER).json()["data"]]


def test_bytes_go_only_where_when_and_as_they_were_signed(served: Running) -> None:
    data = png(45)
    upload = ask(served, data)
    url, headers = upload["put"]["url"], upload["put"]["headers"]

    wrong_bytes = served.client.put(url, content=data[:-1] + b"x", headers=headers)
    too_few = served.client.put(url, content=data[:-1], headers=headers)
    other_type = served.client.put(url, content=data, headers={"Content-Type": "image/jpeg"})
    tampered = served.client.put(url[:-1] + ("0" if url[-1] != "0" else "1"), content=data, headers=headers)
    elsewhere = served.client.put(url.replace(upload["id"], "0" * 32), content=data, headers=headers)
    other_collection = served.client.put(url.replace(f"/{FIRST}/", "/second/"), content=data, headers=headers)
    right = served.client.put(url, content=data, headers=headers)
    again = served.client.put(url, content=data, headers=headers)

    for reply in (wrong_bytes, too_few, other_type, tampered, elsewhere):
        assert 400 <= reply.status_code < 500, reply.text
        assert reply.headers["content-type"] == "application/problem+json"
    assert 400 <= other_collection.status_code < 500
    assert right.status_code == again.status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sha256": "0" * 64}, "hash_mismatch"),
        ({"sha256": "SHA", "vector": unit(0), "model": "0" * 64}, "wrong_model"),
        ({"sha256": "SHA", "vector": unit(0)}, "wrong_model"),
        ({"sha256": "SHA", "vector": [1.0], "model": "MODEL"}, "dimension_mismatch"),
        ({"sha256": "SHA", "vector": [3.0] * D, "model": "MODEL"}, "bad_vectors"),
        ({"sha256": "SHA", "metadata": {"a": 1}, "more": 2}, "invalid"),
    ],
)
def test_a_completion_that_does_not_hold_is_a_problem_and_nothing_is_taken_in(
    served: Running, body: dict, code: str
) -> None:
    data = png(46)
    upload = uploaded(served, data)
    body = {
        name: {"SHA": sha256(data), "MODEL": served.model}.get(value, value) if isinstance(value, str) else value
        for name, value in body.items()
    }

    reply = complete(served, upload, body)

    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert sha256(data) not in served.service.collections.get(FIRST)


def test_a_completion_before_the_bytes_is_a_problem(served: Running) -> None:
    reply = complete(served, ask(served, png(47)), {"sha256": sha256(png(47))})

    assert (reply.status_code, reply.json()["code"]) == (422, "not_uploaded")


def test_a_completion_may_be_repeated_but_not_changed(served: Running) -> None:
    upload = uploaded(served, png(48))
    body = {"sha256": sha256(png(48)), "vector": our_vector(served, png(48)), "model": served.model}

    first, again = complete(served, upload, body), complete(served, upload, body)
    other = complete(served, upload, {**body, "metadata": {"a": 1}})

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "upload_completed")


def test_an_upload_of_another_is_not_there(served: Running) -> None:
    upload = uploaded(served, png(49))
    keyed = {**OTHER, "Idempotency-Key": "theirs"}

    assert complete(served, upload, {"sha256": sha256(png(49))}, headers=keyed).status_code == 404
    there = f"/v1/collections/second/uploads/{upload['id']}/complete"
    assert served.client.post(there, json={"sha256": sha256(png(49))}, headers=WRITER).status_code == 404

    assert complete(served, upload, {"sha256": sha256(png(49))}, headers=OTHER).status_code == 404
    assert served.client.get(f"{UPLOADS}/{upload['id']}", headers=OTHER).status_code == 404
    assert served.client.delete(f"{UPLOADS}/{upload['id']}", headers=OTHER).status_code == 404
    elsewhere = served.client.get(f"/v1/collections/second/uploads/{upload['id']}", headers=WRITER)
    assert elsewhere.status_code == 404


def test_an_upload_that_is_given_up_cannot_be_completed(served: Running) -> None:
    upload = uploaded(served, png(50))

    assert served.client.delete(f"{UPLOADS}/{upload['id']}", headers=WRITER).status_code == 204
    assert complete(served, upload, {"sha256": sha256(png(50))}).status_code in (409, 422)


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"<!doctype html><script>1</script>",
        b"GIF89a",
    ],
)
def test_what_only_poses_as_a_picture_is_refused_at_completion(served: Running, data: bytes) -> None:
    upload = uploaded(served, data)

    reply = complete(served, upload, {"sha256": sha256(data), "vector": unit(1), "model": served.model})

    assert reply.status_code == 422
    assert sha256(data) not in served.service.collections.get(FIRST)


@pytest.mark.parametrize(
    "changed",
    [{"size_bytes": 0}, {"size_bytes": 10**10}, {"content_type": "text/html"}, {"sha256": "x"}, {"name": "a" * 300}],
)
def test_what_cannot_be_uploaded_is_a_problem(served: Running, changed: dict) -> None:
    body = {"size_bytes": 10, "content_type": "image/png", "sha256": "0" * 64, **changed}

    assert served.client.post(UPLOADS, json=body, headers=WRITER).status_code in (413, 422)


def test_a_name_is_only_a_name(served: Running) -> None:
    assert ask(served, png(51), name="../../etc/pass\x01wd")["name"] == "passwd"


@pytest.mark.parametrize("with_vector", [True, False])
def test_a_picture_keeps_the_name_that_its_upload_was_announced_with(working: Running, with_vector: bool) -> None:
    def taken_in(data: bytes, **said: object) -> dict:
        upload = ask(working, data, name="holiday/beach.png")
        assert put(working, upload, data).status_code == 200
        body: dict = {"sha256": sha256(data), **said}
        if with_vector:
            body |= {"vector": our_vector(working, data), "model": working.model}
        first, again = complete(working, upload, body), complete(working, upload, body)
        assert (first.status_code, again.json()) == (200, first.json())
        assert outcome(working, upload)["state"] == ("kept" if with_vector else "stored")
        return working.client.get(f"/v1/collections/{FIRST}/images/{sha256(data)}", headers=READER).json()["metadata"]

    assert taken_in(png(80)) == {"name": "beach.png"}
    assert taken_in(png(81), metadata={"a": 1}) == {"name": "beach.png", "a": 1}
    assert taken_in(png(82), metadata={"name": "sea"}) == {"name": "sea"}
    assert taken_in(png(0))["name"] == "picture 0"  # which was there before


def test_the_url_that_was_signed_is_told_to_no_log(served: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="lookalike"):
        upload = ask(served, png(52))
        put(served, upload, png(52))

    ours = [record.getMessage() + str(vars(record)) for record in caplog.records if record.name.startswith("lookalike")]
    assert ours
    assert upload["put"]["url"].partition("signature=")[2] not in "".join(ours)


def given_up(served: Running, data: bytes) -> tuple[dict, str]:
    """An upload that was acknowledged, and its job, which the worker has given up."""
    upload = uploaded(served, data)
    reply = complete(served, upload, {"sha256": sha256(data)})
    jobs = served.service.ledger.jobs
    job = eventually(lambda: jobs.claim(["verify_upload"], worker="w", lease_s=600))  # after the head start
    assert reply.json()["job_id"] == job.id
    jobs.fail(job.id, lease=job.lease, code="model_unavailable", detail="the model cannot be read", retry_in_s=None)
    return upload, job.id


def test_an_upload_that_was_given_up_is_told_where_it_is_asked_for_and_put_in_again(served: Running) -> None:
    data = png(70)
    upload, job_id = given_up(served, data)

    told = served.client.get(f"{UPLOADS}/{upload['id']}", headers=WRITER).json()
    assert (told["state"], told["code"], told["job_id"]) == ("failed", "model_unavailable", job_id)
    assert f"POST /v1/jobs/{job_id}/retry" in told["detail"]

    reply = served.client.post(f"/v1/jobs/{job_id}/retry", headers=WRITER)
    assert (reply.status_code, reply.json()["state"], reply.json()["attempts"]) == (200, "queued", 0)
    assert served.client.get(f"{UPLOADS}/{upload['id']}", headers=WRITER).json()["state"] == "queued"
    stop = threading.Event()
    housework = Housework(served.service)
    housework.start(stop)
    assert outcome(served, upload)["state"] == "stored"
    stop.set()
    housework.join()
    assert served.client.get(f"/v1/collections/{FIRST}/images/{sha256(data)}", headers=READER).status_code == 200
    done = served.client.post(f"/v1/jobs/{job_id}/retry", headers=WRITER)
    assert (done.status_code, done.json()["code"]) == (409, "job_state")


def test_a_job_is_put_in_again_by_who_asked_for_it_and_by_who_may_all(served: Running) -> None:
    _, job_id = given_up(served, png(71))
    retry = f"/v1/jobs/{job_id}/retry"
    assert served.client.post(retry).status_code == 401
    assert served.client.post(retry, headers=READER).status_code == 403
    elsewhere = token("write", "admin", collections=["second"])
    for headers in (OTHER, elsewhere):
        assert served.client.post(retry, headers=headers).status_code == 404
    assert served.service.ledger.jobs.get(job_id).state == "failed"
    assert served.client.post(retry, headers=token("write", "admin", name="boss")).status_code == 200
    assert served.client.post("/v1/jobs/" + "0" * 32 + "/retry", headers=WRITER).status_code == 404
    assert served.client.post("/v1/jobs/x/retry", headers=WRITER).status_code == 422


def test_the_same_retry_under_the_same_key_is_done_once(served: Running) -> None:
    _, job_id = given_up(served, png(72))
    headers = {**WRITER, "Idempotency-Key": "again"}
    first, second = (served.client.post(f"/v1/jobs/{job_id}/retry", headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_job_whose_collection_was_removed_is_told_so_and_not_tried_for_ever(served: Running) -> None:
    admin = token("read", "write", "admin")
    assert served.client.put("/v1/collections/brief", headers=admin).status_code in (200, 201)
    data = png(73)
    reply = served.client.post("/v1/collections/brief/images?mode=queued", files={"image": data}, headers=admin).json()
    job_id = reply["data"][0]["job_id"]
    assert served.client.delete("/v1/collections/brief", headers=admin).status_code == 204
    stop = threading.Event()
    housework = Housework(served.service)
    housework.start(stop)
    job = until(
        lambda: served.client.get(f"/v1/jobs/{job_id}", headers=admin).json(), lambda job: job["state"] == "failed"
    )
    stop.set()
    housework.join()
    assert (job["state"], job["code"], job["attempts"]) == ("failed", "no_collection", 1)
    assert job["detail"] == "the collection is not there any more; upload the picture to another one"


def test_beyond_what_is_kept_of_a_caller_the_oldest_key_counts_as_new(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "REPLIES", ReplyQuota(replies=2, size_bytes=1_000_000))
    _, job_id = given_up(served, png(73))

    def retry(key: str, **options: Any) -> bool:
        headers = {**token("read", "write", "admin", **options), "Idempotency-Key": key}
        reply = served.client.post(f"/v1/jobs/{job_id}/retry", headers=headers)
        assert reply.status_code == 200, reply.text
        return "Idempotency-Replayed" in reply.headers

    assert not retry("of-another", name="boss")
    assert [retry(key) for key in ("a", "b", "a", "c")] == [False, False, True, False]
    assert retry("b")
    assert not retry("a")
    assert retry("of-another", name="boss")


def keyed(key: str) -> dict[str, str]:
    return {**WRITER, "Idempotency-Key": key}


def test_of_one_key_one_upload_is_asked_for_whoever_comes_first(served: Running) -> None:
    data = png(80)
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}

    with ThreadPoolExecutor(4) as clients:
        replies = list(clients.map(lambda _: served.client.post(UPLOADS, json=body, headers=keyed("k")), range(8)))
    other = served.client.post(UPLOADS, json={**body, "name": "another"}, headers=keyed("k"))

    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert len({reply.headers["location"] for reply in replies}) == 1
    assert sum("Idempotency-Replayed" not in reply.headers for reply in replies) == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len(served.service.ledger.uploads(FIRST)) == 1


def test_an_upload_that_was_refused_leaves_its_key_free(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"size_bytes": 9, "content_type": "image/png", "sha256": sha256(png(81))}
    monkeypatch.setattr(uploads, "quota_of", lambda _: Quota(0, 0))
    refused = served.client.post(UPLOADS, json=body, headers=keyed("k"))
    monkeypatch.undo()

    assert (refused.status_code, refused.json()["code"]) == (507, "quota_exceeded")
    assert served.client.post(UPLOADS, json=body, headers=keyed("k")).status_code == 201


@pytest.mark.parametrize("with_vector", [True, False])
def test_a_completion_under_a_key_is_done_once_and_told_again(served: Running, with_vector: bool) -> None:
    data = png(82)
    upload = uploaded(served, data)
    vector = {"vector": our_vector(served, data), "model": served.model} if with_vector else {}
    body = {"sha256": sha256(data), **vector}

    with ThreadPoolExecutor(4) as clients:
        replies = list(clients.map(lambda _: complete(served, upload, body, keyed("k")), range(8)))
    again, other = (
        complete(served, upload, body, keyed("k")),
        complete(served, upload, {**body, "metadata": {}}, keyed("k")),
    )

    done = [reply for reply in replies if reply.status_code == 200]
    assert done
    assert {reply.json()["code"] for reply in replies if reply.status_code != 200} <= {"idempotency_running"}
    assert len({reply.content for reply in (*done, again)}) == 1
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len(served.service.ledger.jobs.jobs()) == 1
    assert (sha256(data) in served.service.collections.get(FIRST)) is with_vector


def test_a_completion_that_stopped_half_way_goes_on_under_the_same_key(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = png(83)
    upload = uploaded(served, data)
    body = {"sha256": sha256(data), "vector": our_vector(served, data), "model": served.model}

    def fails(*_: object, **__: object) -> bool:
        raise StorageFailed("the disk is full; make room")

    monkeypatch.setattr(Hosting, "add_provisional", fails)
    failed = complete(served, upload, body, keyed("k"))
    monkeypatch.undo()
    assert failed.status_code >= 500
    assert sha256(data) not in served.service.collections.get(FIRST)

    done, again = complete(served, upload, body, keyed("k")), complete(served, upload, body, keyed("k"))

    assert (done.status_code, done.json()["state"]) == (200, "provisional")
    assert "Idempotency-Replayed" not in done.headers
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (done.json(), "true")
    assert sha256(data) in served.service.collections.get(FIRST)
    assert len(served.service.ledger.jobs.jobs()) == 1


def test_a_collection_is_not_opened_on_the_threads_of_the_ledger(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    backing, threads = served.service.collections._backing, []
    open_ = backing.open

    def opening(*args: Any, **named: Any) -> Collection:
        threads.append(threading.current_thread().name)
        return open_(*args, **named)

    monkeypatch.setattr(backing, "open", opening)
    ask(served, png(84))

    assert len(threads) == 1
    assert not threads[0].startswith("lookalike-books")
