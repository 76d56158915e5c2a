"""Of two tenants of one service, whose pictures are nearly or wholly the same, no answer tells one of the other's.

What each tenant may be told is counted here, from what was put in; no engine is asked for that.
"""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lookalike.collection.hosting import hosting
from lookalike.service.app import application, wire
from lookalike.service.context import Service
from lookalike.service.edge import edge
from lookalike.settings.service import ServiceSettings
from tests.collections import picture
from tests.removing import opened
from tests.services import SECRET, sha256, token

SEARCHES = int(os.environ.get("TENANT_SEARCHES", "100"))
"""Over each engine. More for a longer round: `TENANT_SEARCHES=10000 make test PYTEST=tests/chain/test_tenants.py`."""

TENANTS = ("quentin", "yolanda")
OWN, SHARED, LATE, AT_ONCE = 40, 6, 8, 4


@dataclass(frozen=True)
class Tenant:
    """What one has put in.

    Attributes:
        name: also of the collection.
        pictures: bytes by id.
        metadata: by id.
    """

    name: str
    pictures: dict[str, bytes]
    metadata: dict[str, dict[str, Any]]

    @property
    def headers(self) -> dict[str, str]:
        return token("read", name=self.name, collections=[self.name])


def tenant(name: str) -> Tenant:
    """One whose pictures differ from another's in a pixel, and in their metadata; some have the same bytes."""
    corner = {"quentin": (255, 0, 0), "yolanda": (0, 0, 255)}[name]
    pictures = [png(n, None if n < SHARED else corner) for n in range(OWN)]
    pictures += [
        png(n, corner, at=(1, 0)) for n in range(SHARED, SHARED + LATE)
    ]  # nearly the same once more: for groups
    by_id = {sha256(data): data for data in pictures}
    told = {one: {"owner": name, "n": n, "secret": f"{name}-{n}"} for n, one in enumerate(by_id)}
    return Tenant(name, by_id, told)


def png(seed: int, corner: tuple[int, int, int] | None, at: tuple[int, int] = (0, 0)) -> bytes:
    """A picture with one pixel of another colour."""
    image = picture(seed)
    if corner is not None:
        image.putpixel(at, corner)
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


@contextmanager
def serving(service: Service) -> Iterator[TestClient]:
    whole = edge(application(service), settings=service.settings, metrics=service.metrics, health=service.health)
    with TestClient(whole) as client:
        yield client


@pytest.fixture(params=["exact", "IVF4,Flat", "pgvector", "servers"])
def service(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Over collections in folders, by each engine of an index; and over a PostgreSQL, pgvector and S3."""
    settings = ServiceSettings(
        home=tmp_path, jwt_algorithm="HS256", jwt_secret=SECRET, run_worker=False, request_timeout_ms=120_000
    )
    if request.param == "servers":
        return over_servers(settings, request, monkeypatch)
    engine = request.getfixturevalue("vectors_url") if request.param == "pgvector" else request.param
    return wire(settings, open_=lambda folder, create: opened(folder, engine))


def over_servers(settings: ServiceSettings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Service:
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    from chain.buckets import make_bucket
    from tests.served_by_servers import BUCKET, SmallBacking, use

    s3, postgres = request.getfixturevalue("s3_server"), request.getfixturevalue("postgres_server")
    use(s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.keys.secret_key)
    make_bucket(s3, BUCKET, pages=("*",))
    database = postgres.make_database()
    settings = replace(
        settings, database=database, vectors=database, objects=f"s3://{BUCKET}/tenants", objects_endpoint=s3.url
    )
    return wire(settings, backing=SmallBacking(settings, not_ours=()))


def fill(service: Service, tenants: list[Tenant]) -> None:
    """Both at the same time, as real ones do; of indexes elsewhere the last pictures are not fed yet."""
    for one in tenants:
        assert service.collections.create(one.name)
    for ids in zip(*(one.pictures for one in tenants), strict=True):
        for one, image_id in zip(tenants, ids, strict=True):
            service.collections.get(one.name).add(one.pictures[image_id], metadata=one.metadata[image_id])
            if one.metadata[image_id]["n"] == OWN:
                service.collections.get(one.name).rebuild()
                hosting(service.collections.get(one.name)).feed()


def test_no_search_tells_anything_of_another_tenants_pictures(service: Service) -> None:
    tenants = [tenant(name) for name in TENANTS]
    with serving(service) as client:
        fill(service, tenants)
        model = service.collections.get(TENANTS[0]).models.embedder.card.id
        vectors = {data: service.collections.get(TENANTS[0]).embed(data)[0].tolist() for data in all_pictures(tenants)}

        def search(seed: int) -> None:
            chance = random.Random(seed)
            mine, theirs = chance.sample(tenants, 2)
            ask(client, chance, mine, theirs, vectors, model)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(search, range(SEARCHES)))
        for mine in tenants:
            listed = client.get("/v1/collections", headers=mine.headers).json()["data"]
            assert [(one["name"], one["images"]) for one in listed] == [(mine.name, len(mine.pictures))]


def all_pictures(tenants: list[Tenant]) -> list[bytes]:
    return sorted({data for one in tenants for data in one.pictures.values()})


FILTERS: tuple[tuple[dict[str, Any] | None, Callable[[dict[str, Any]], bool]], ...] = (
    (None, lambda told: True),
    ({"owner": {"eq": "quentin"}}, lambda told: told["owner"] == "quentin"),
    ({"owner": {"eq": "yolanda"}}, lambda told: told["owner"] == "yolanda"),
    ({"secret": {"like": "%-1%"}}, lambda told: "-1" in told["secret"]),
    ({"n": {"gte": 30}}, lambda told: told["n"] >= 30),
    (
        {"or": [{"n": {"lt": 4}}, {"secret": {"like": "yolanda%"}}]},
        lambda told: told["n"] < 4 or told["owner"] == "yolanda",
    ),
)
"""Each with what it asks, in plain Python."""


def ask(
    client: TestClient,
    chance: random.Random,
    mine: Tenant,
    theirs: Tenant,
    vectors: dict[bytes, list[float]],
    model: str,
) -> None:
    """One search by any door, for a picture of either tenant."""
    path = f"/v1/collections/{mine.name}/search"
    data = chance.choice([*mine.pictures.values(), *theirs.pictures.values()])
    image_id = sha256(data)
    where, passes = chance.choice(FILTERS)
    asked: dict[str, Any] = {"k": chance.choice((1, 3, 10, 200)), "explain": chance.random() < 0.3}
    asked |= {"filter": where} if where else {}
    asked |= {"collapse": "group"} if chance.random() < 0.3 else {}
    asked |= {"recall": 1} if chance.random() < 0.3 else {}
    by: dict[str, Any] = {
        "picture": {},
        "vector": {"vector": vectors[data], "model": model},
        "id": {"id": image_id},
        "more and less": {"more": chance.sample(sorted({*mine.pictures} - {image_id}), 2), "less": [image_id]},
    }
    door = chance.choice(sorted(by))
    if door == "picture":
        form = {"image": ("a.png", data, "image/png"), "query": (None, json.dumps(asked))}
        reply = client.post(path, files=form, headers=mine.headers)
    else:
        reply = client.post(path, json={**asked, **by[door]}, headers=mine.headers)
    if image_id not in mine.pictures and door in ("id", "more and less"):
        other = "0" * 64
        unknown = json.loads(json.dumps({**asked, **by[door]}).replace(image_id, other))
        no_such = client.post(path, json=unknown, headers=mine.headers)
        assert (reply.status_code, no_such.status_code) == (404, 404)
        assert said(reply.json()).replace(image_id, other) == said(no_such.json())
        return
    assert reply.status_code == 200, reply.text
    check_tells_nothing(reply.text, theirs, unless=mine)
    check_answer(reply.json(), asked, mine, {one for one, told in mine.metadata.items() if passes(told)})


def said(problem: dict[str, Any]) -> str:
    """A refusal, but for the number of its request."""
    return json.dumps({name: value for name, value in problem.items() if name != "request_id"})


def check_tells_nothing(text: str, theirs: Tenant, *, unless: Tenant) -> None:
    """No word, and no id that is not also one's own."""
    assert theirs.name not in text
    assert not [one for one in theirs.pictures if one in text and one not in unless.pictures]


def check_answer(reply: dict[str, Any], asked: dict[str, Any], mine: Tenant, passing: set[str]) -> None:
    """All that is one's own, and every number as though nobody else were there."""
    hits = reply["hits"]
    found = [one for hit in hits for one in [hit["id"], *(hit["group"] or ())]]
    assert set(found) <= passing
    assert len(found) == len(set(found))
    assert all(hit["metadata"] == mine.metadata[hit["id"]] for hit in hits)
    if "collapse" not in asked:
        assert len(hits) == min(asked["k"], len(passing))
    elif asked["k"] >= len(passing):
        assert set(found) == passing
    assert reply["total_matching"] == len(passing)
    assert reply["scanned"] <= len(mine.pictures) + LATE  # those may be compared by an index and beside it
    assert reply["index"]["count"] == len(mine.pictures)
