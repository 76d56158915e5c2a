"""A model that is served elsewhere: what may go wrong on the way, and that nothing wrong comes through."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.ending import Ending, ending
from lookalike.core.errors import (
    DeadlineExceeded,
    ImageRefused,
    LookalikeError,
    ModelUnavailable,
    Overloaded,
    ServiceDown,
    WrongModel,
)
from lookalike.core.retrying import Retrying
from lookalike.core.vectors import Pixels
from lookalike.embedding.remote import RemoteEmbedder
from lookalike.ingest.add import add_bytes
from lookalike.models.card import served_model_id
from tests.collections import new_collection, new_parts, png, write
from tests.remote.model_server import Fault, ModelServer

QUICK = Retrying(attempts=4, first_pause_s=0.001, longest_pause_s=0.002)
MAY_PASS = [Fault.TIMED_OUT, Fault.LOST, Fault.BUSY]
BAD_ANSWERS = [Fault.NARROW, Fault.TOO_FEW, Fault.NAN, Fault.LONG, Fault.INTEGERS]


def embedder(server: ModelServer, **said: object) -> RemoteEmbedder:
    return RemoteEmbedder(server, retrying=QUICK, **said)  # type: ignore[arg-type]


def pictures(n: int) -> list[Pixels]:
    return list(np.random.default_rng(0).integers(0, 256, (n, 20, 30, 3), dtype=np.uint8))


@pytest.mark.parametrize("fault", MAY_PASS)
def test_what_may_pass_is_tried_again_and_gives_the_same(fault: Fault) -> None:
    expected = embedder(ModelServer()).embed(pictures(2))
    server = ModelServer(fault, fault)
    remote = embedder(server)
    assert remote.card.name == "fake"
    server.fail_next(fault, fault, fault)
    np.testing.assert_array_equal(remote.embed(pictures(2)), expected)
    assert server.asked == {"describe": 3, "infer": 4}


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.TIMED_OUT, ServiceDown), (Fault.LOST, ServiceDown), (Fault.BUSY, Overloaded)]
)
def test_a_server_that_stays_away_is_told_after_as_many_tries_as_were_said(
    fault: Fault, error: type[LookalikeError]
) -> None:
    server = ModelServer()
    remote = embedder(server)
    assert remote.card.dimension == 16
    server.fail_next(*[fault] * 10)
    with pytest.raises(error):
        remote.embed(pictures(1))
    assert server.asked["infer"] == 4


@pytest.mark.parametrize("fault", BAD_ANSWERS)
def test_a_bad_answer_is_an_error_at_once_and_never_a_vector(fault: Fault) -> None:
    server = ModelServer()
    remote = embedder(server)
    assert len(remote.embed(pictures(1))) == 1
    server.fail_next(fault)
    with pytest.raises(ModelUnavailable, match=r"expected .* of the served model fake, got .*: look at the server"):
        remote.embed(pictures(2))
    assert server.asked["infer"] == 2


def test_requests_hold_no_more_pictures_than_the_server_takes() -> None:
    server = ModelServer(most_at_once=3)
    vectors = embedder(server).embed(pictures(8))
    assert (server.largest, server.asked["infer"], len(vectors)) == (3, 3, 8)
    generous = ModelServer(most_at_once=10_000)
    embedder(generous).embed(pictures(70))
    assert (generous.largest, generous.asked["infer"]) == (32, 3)


def test_another_model_than_the_expected_one_is_refused_before_anything_is_computed() -> None:
    server = ModelServer()
    own = embedder(ModelServer()).card.id
    assert embedder(server, expected_id=own).card.id == own
    server.redeploy(seed=1, version="1")
    with pytest.raises(WrongModel, match=f"expected the model {own[:12]}, but fake 1"):
        embedder(server, expected_id=own).embed(pictures(1))
    assert server.asked["infer"] == 0


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_model_that_is_redeployed_meanwhile_gives_no_vector(version: str) -> None:
    server = ModelServer()
    remote = embedder(server)
    first = remote.embed(pictures(1))
    server.redeploy(seed=1, version=version)
    with pytest.raises(WrongModel, match="another model now"):
        remote.embed(pictures(1))
    server.redeploy(seed=0, version="1")
    np.testing.assert_array_equal(remote.embed(pictures(1)), first)


def test_a_server_that_tells_only_versions_is_held_to_them() -> None:
    server = ModelServer(tells_identity=False)
    remote = embedder(server)
    assert remote.card.id == served_model_id("fake", "1", "")
    server.fail_next(Fault.REDEPLOYED)
    with pytest.raises(WrongModel, match=r"version 1\.1"):
        remote.embed(pictures(1))


def test_the_id_of_a_served_model_tells_name_version_and_identity_apart() -> None:
    told = [
        ("a", "1", ""),
        ("a", "1", "x"),
        ("a", "2", ""),
        ("b", "1", ""),
        ("a1", "", ""),
        ("", "a1", ""),
        ("a\n1", "", ""),
    ]
    ids = {served_model_id(*one) for one in told}
    assert len(ids) == len(told)
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in ids)


def test_a_request_is_given_no_more_time_than_the_work_has() -> None:
    server = ModelServer()
    remote = embedder(server, call_timeout_s=5.0)
    remote.embed(pictures(1))
    assert server.timeouts_s == [5.0, 5.0]
    with ending(Ending(time.monotonic() + 2, lambda: True)):
        remote.embed(pictures(1))
    assert 0 < server.timeouts_s[-1] <= 2


def test_a_slow_server_is_waited_for_no_longer_than_a_request_may_take() -> None:
    server = ModelServer(latency_s=60)
    with pytest.raises(ServiceDown, match=r"within 0\.01 s"):
        embedder(server, call_timeout_s=0.01).embed(pictures(1))
    assert server.asked["describe"] == 4


def test_nothing_is_asked_for_work_that_nobody_wants() -> None:
    server = ModelServer()
    with ending(Ending(None, lambda: False)), pytest.raises(DeadlineExceeded):
        embedder(server).embed(pictures(1))
    assert not server.asked


def test_closing_closes_the_transport() -> None:
    server = ModelServer()
    remote = embedder(server)
    remote.close()
    assert server.is_closed


@pytest.mark.parametrize("fault", [*BAD_ANSWERS, Fault.REDEPLOYED])
def test_nothing_of_a_bad_answer_comes_into_a_catalog(tmp_path: Path, fault: Fault) -> None:
    server = ModelServer()
    parts = new_parts(embedder=embedder(server))
    kept = add_bytes(png(0), parts, metadata={})
    server.fail_next(fault)
    with pytest.raises((ModelUnavailable, WrongModel)):
        add_bytes(png(1), parts, metadata={})
    assert parts.catalog.facts().images == 1
    assert add_bytes(png(1), parts, metadata={}) != kept

    with new_collection(tmp_path / "c", embedder=embedder(server)) as collection:
        for n in range(8):
            write(tmp_path / f"pictures/{n}.png", n)
        server.fail_next(*[fault] * 4)
        with pytest.raises((ModelUnavailable, WrongModel)):
            collection.index(tmp_path / "pictures")
        assert len(collection) == 0
        server.recover()
        assert collection.index(tmp_path / "pictures").added == 8


def test_a_picture_that_is_none_never_reaches_the_server() -> None:
    server = ModelServer()
    parts = new_parts(embedder=embedder(server))
    with pytest.raises(ImageRefused):
        add_bytes(b"no picture", parts, metadata={})
    assert server.asked["infer"] == 0
