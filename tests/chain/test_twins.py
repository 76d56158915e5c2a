"""Clients that ask for the same at the same moment, of two services that share the servers."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("psycopg", reason="the extra postgres is not installed")

import psycopg

from chain.buckets import client_of
from chain.flows import Api, ClassicFlow, DirectFlow, Flow, Photo, wait_searchable
from chain.parts import Parts
from chain.programs import service, worker
from chain.siege import insist
from tests.chain.conftest import photos_of, settings_of
from tests.waiting import eventually

TWINS = int(os.environ.get("TWINS", "12"))
"""With one key. More for a longer round: `TWINS=50 SAME_PICTURES=100 make test PYTEST=tests/chain/test_twins.py`."""

SAME_PICTURES = int(os.environ.get("SAME_PICTURES", "16"))
"""Of one picture, each with a key of its own."""

Answer = TypeVar("Answer")


@pytest.fixture
def api(urls: Sequence[str]) -> Iterator[Api]:
    """Of the first of them."""
    with closing(Api(urls[0])) as api:
        yield api


@pytest.fixture(scope="module")
def photos() -> tuple[list[Photo], str]:
    """See `photos_of`."""
    return photos_of(2)


@pytest.fixture(scope="module")
def urls(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[str]]:
    """Of two services, for which two workers work."""
    folder = tmp_path_factory.mktemp("twins")
    serving = [
        service(environment=settings_of(parts, folder / f"service{n}"), log=folder / f"service{n}.log") for n in (0, 1)
    ]
    working = [worker(environment=settings_of(parts, folder / f"worker{n}"), log=folder / f"w{n}.log") for n in (0, 1)]
    try:
        for one in [*serving, *working]:
            one.start()
        yield [one.url for one in serving]
    finally:
        for one in [*working, *serving]:
            one.stop()


def at_once(count: int, urls: Sequence[str], call: Callable[[Api, int], Answer]) -> list[Answer]:
    """The answers to clients that all ask at the same moment, and again while they are told to come again."""
    together = threading.Barrier(count)

    def ask(n: int) -> Answer:
        answers: list[Answer] = []
        together.wait()
        insist(lambda api: answers.append(call(api, n)), urls[n % len(urls)])
        return answers[0]

    with ThreadPoolExecutor(count) as clients:
        return list(clients.map(ask, range(count)))


def test_twins_with_one_key_are_one_picture_one_job_and_equal_replies(
    photos: tuple[list[Photo], str], api: Api, urls: Sequence[str], parts: Parts
) -> None:
    (photo, *_), model_id = photos
    collection = "classic-twins"
    api.call("PUT", f"/v1/collections/{collection}")

    replies = at_once(
        TWINS, urls, lambda api, _: ClassicFlow().queue(photo, api, collection=collection, once="the-one-key")
    )

    assert distinct(replies) == [replies[0]]
    wait_searchable(photo, api, collection=collection, model_id=model_id, within_s=60)
    assert [job["id"] for job in jobs_of(collection, api)] == [replies[0]["data"][0]["job_id"]]
    assert api.call("GET", f"/v1/collections/{collection}")["images"] == 1
    assert len(objects_with(photo, parts)) == 1


def test_twins_that_upload_directly_with_one_key_are_one_upload_one_picture_and_equal_replies(
    photos: tuple[list[Photo], str], api: Api, urls: Sequence[str], parts: Parts
) -> None:
    (_, photo, *_), model_id = photos
    collection, flow = "direct-twins", DirectFlow(model_id=model_id)
    api.call("PUT", f"/v1/collections/{collection}")

    begun = at_once(TWINS, urls, lambda api, _: flow.begin(photo, api, collection=collection, once="begin"))
    done = at_once(
        TWINS, urls, lambda api, n: flow.complete(photo, begun[n], api, collection=collection, once="complete")
    )

    assert distinct(begun) == [begun[0]]
    assert distinct(done) == [done[0]]
    wait_searchable(photo, api, collection=collection, model_id=model_id, within_s=60)
    eventually(lambda: all(job["state"] == "done" for job in jobs_of(collection, api)))
    assert [job["id"] for job in jobs_of(collection, api)] == [done[0]["job_id"]]
    assert api.call("GET", f"/v1/collections/{collection}")["images"] == 1
    assert len(objects_with(photo, parts)) == 1


@pytest.mark.parametrize("kinds", [["classic"], ["direct"], ["classic", "direct"]], ids="-and-".join)
def test_one_picture_many_times_at_once_is_one_object_and_one_vector(
    kinds: list[str], api: Api, urls: Sequence[str], parts: Parts
) -> None:
    seed = {"classic": 100, "direct": 101}.get("-".join(kinds), 102)
    (photo,), model_id = photos_of(1, first=seed)
    flows: dict[str, Flow] = {"classic": ClassicFlow(), "direct": DirectFlow(model_id=model_id)}
    chosen = [flows[kinds[n % len(kinds)]] for n in range(SAME_PICTURES)]
    collection = f"same-{'-'.join(kinds)}"
    api.call("PUT", f"/v1/collections/{collection}")

    at_once(
        SAME_PICTURES,
        urls,
        lambda api, n: chosen[n].upload(photo, api, collection=collection, once=f"{collection}-{n}"),
    )

    wait_searchable(photo, api, collection=collection, model_id=model_id, within_s=60)
    eventually(lambda: all(job["state"] == "done" for job in jobs_of(collection, api)))
    assert len(jobs_of(collection, api)) == SAME_PICTURES
    assert api.call("GET", f"/v1/collections/{collection}")["images"] == 1
    found = api.call_json("POST", f"/v1/collections/{collection}/search", {"id": photo.id, "k": 100})
    assert [hit["id"] for hit in found["hits"]] == [photo.id]
    assert [hit["id"] for hit in api.call("GET", f"/v1/collections/{collection}/images")["data"]] == [photo.id]
    assert len(objects_with(photo, parts)) == 1
    eventually(lambda: rows_with(photo, collection, parts) == (1, 1))


def distinct(replies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each reply that is unlike the others, once."""
    return [json.loads(one) for one in dict.fromkeys(json.dumps(reply, sort_keys=True) for reply in replies)]


def jobs_of(collection: str, api: Api) -> list[dict[str, Any]]:
    """All jobs that there ever were for it."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"has_more": True, "next_cursor": ""}
    while page["has_more"]:
        page = api.call("GET", f"/v1/jobs?limit=200&cursor={page['next_cursor']}")
        found += page["data"]
    return [job for job in found if job["collection"] == collection]


def objects_with(photo: Photo, parts: Parts) -> list[str]:
    """The keys of kept objects that have exactly its bytes.

    What waits for an upload does not count: a twin that puts it once more when all is done leaves it for the sweep.
    """
    bucket = settings_of(parts, Path())["LOOKALIKE_SERVE_OBJECTS"].removeprefix("s3://")
    with closing(client_of(parts.s3)) as client:
        listed = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [one["Key"] for page in listed for one in page.get("Contents", ()) if "/objects/" in one["Key"]]
        return [key for key in keys if client.get_object(Bucket=bucket, Key=key)["Body"].read() == photo.data]


def rows_with(photo: Photo, collection: str, parts: Parts) -> tuple[int, int]:
    """How many vectors of it the catalog has, and how many the index that is searched."""
    settings = settings_of(parts, Path())
    with psycopg.connect(settings["LOOKALIKE_SERVE_DATABASE"]) as connection:
        number = one_of(connection, "SELECT number FROM lookalike.collections WHERE name = %s", collection)
        schema = f"lookalike_c{number}"
        word = one_of(connection, f"SELECT word FROM {schema}.identity")
        found = f"SELECT key FROM {schema}.images JOIN {schema}.vectors USING (key) WHERE id = %s AND NOT removed"
        keys = [key for (key,) in connection.execute(found, (photo.id,))]
    with psycopg.connect(settings["LOOKALIKE_SERVE_VECTORS"]) as connection:
        number = one_of(connection, "SELECT serving FROM lookalike_vectors.indexes WHERE collection = %s", word)
        if number is None:
            return len(keys), 0
        return len(keys), one_of(connection, f"SELECT count(*) FROM lookalike_vectors.v{number}")


def one_of(connection: Any, question: str, *values: object) -> Any:
    """The one value of the one row; None where there is no row."""
    row = connection.execute(question, values).fetchone()
    return None if row is None else row[0]
