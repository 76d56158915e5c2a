"""What a remote index promises beside `test_index.py`: versions, cursors and fences, over every engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, BadVectors, Conflict, DimensionMismatch, LeaseLost, NotFound
from lookalike.core.filters import Filter
from lookalike.core.records import START, Cursor, ImageRecord
from lookalike.index.remote import Batch, RemoteIndex, RemoteVersion
from tests.remote.remote_index import IndexServer

N, D, K = 30, 6, 5
HERE, THERE = Cursor("1 here"), Cursor("2 here")

ENGINES: dict[str, Callable[[], RemoteIndex]] = {
    "the tests' own": IndexServer,
    "the tests' own, with filters": partial(IndexServer, takes_filters=True),
}
PGVECTOR = "pgvector"


@pytest.fixture(params=[*ENGINES, PGVECTOR])
def index(request: pytest.FixtureRequest) -> RemoteIndex:
    if request.param == PGVECTOR:
        made: RemoteIndex = request.getfixturevalue("new_pgvector")()
        return made
    return ENGINES[request.param]()


def vectors(count: int = N, *, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((count, D)).astype(np.float32)


def batch(keys: Any = (), rows: Any = None, removed: Any = ()) -> Batch:
    rows = np.empty((0, D), np.float32) if rows is None else rows
    return Batch(np.array(keys, np.int64), rows, np.array(removed, np.int64))


def made(index: RemoteIndex, name: str = "a", *, projection_version: int = 1, fence: int = 1) -> None:
    index.create(name, projection_version=projection_version, dimension=D, fence=fence)


def filled(index: RemoteIndex, name: str = "a", *, fence: int = 1, seed: int = 0) -> Any:
    rows = vectors(seed=seed)
    made(index, name, fence=fence)
    index.apply(name, batch(range(N), rows), cursor=HERE, fence=fence)
    return rows


def answered(index: RemoteIndex, name: str, queries: Any) -> list[list[int]]:
    return index.at(name).search(queries, K).keys.tolist()


def test_there_is_no_version_at_first(index: RemoteIndex) -> None:
    assert (dict(index.versions()), index.serving()) == ({}, None)
    with pytest.raises(NotFound):
        index.at("a").search(vectors(1), K)


def test_a_version_that_is_made_is_empty_and_nobody_is_sent_there(index: RemoteIndex) -> None:
    made(index, projection_version=7)
    expected = RemoteVersion(name="a", projection_version=7, dimension=D, count=0, applied=START)
    assert dict(index.versions()) == {"a": expected}
    assert index.serving() is None
    assert answered(index, "a", vectors(1)) == [[-1] * K]


def test_making_it_twice_leaves_it_as_it_is(index: RemoteIndex) -> None:
    filled(index)
    made(index)
    assert index.versions()["a"].count == N


def test_a_batch_and_its_cursor_are_taken_in_together(index: RemoteIndex) -> None:
    rows = filled(index)
    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N, HERE)
    assert [keys[0] for keys in answered(index, "a", rows)] == list(range(N))

    index.apply("a", batch([3], -rows[3:4], removed=[5, 5, 99]), cursor=THERE, fence=1)

    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N - 1, THERE)
    assert answered(index, "a", -rows[3:4])[0][0] == 3
    assert 5 not in index.at("a").search(rows[5:6], N).keys


def test_a_batch_that_comes_twice_is_taken_in_once(index: RemoteIndex) -> None:
    rows = filled(index)
    for _ in range(2):
        index.apply("a", batch([3, N], rows[:2], removed=[4]), cursor=THERE, fence=1)
    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N, THERE)


def test_an_empty_batch_moves_the_cursor_alone(index: RemoteIndex) -> None:
    filled(index)
    index.apply("a", batch(), cursor=THERE, fence=1)
    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N, THERE)


@pytest.mark.parametrize(
    ("rows", "error"),
    [(np.ones((1, D + 1), np.float32), DimensionMismatch), (np.full((1, D), np.nan, np.float32), BadVectors)],
)
def test_what_cannot_be_taken_in_moves_no_cursor(index: RemoteIndex, rows: Any, error: type[Exception]) -> None:
    filled(index)
    with pytest.raises(error):
        index.apply("a", batch([1], rows), cursor=THERE, fence=1)
    assert index.versions()["a"].applied == HERE


def test_versions_are_searched_each_for_itself_also_before_the_swap(index: RemoteIndex) -> None:
    one, other = filled(index, "a"), filled(index, "b", seed=1)
    index.swap("a", fence=1)
    assert answered(index, "a", one[:3]) != answered(index, "b", one[:3])
    assert [keys[0] for keys in answered(index, "b", other)] == list(range(N))
    serving = index.serving()
    assert serving is not None
    assert serving.name == "a"


def test_a_swap_leaves_the_version_before_and_may_be_asked_for_twice(index: RemoteIndex) -> None:
    rows = filled(index, "a")
    filled(index, "b", seed=1)
    for name in ("a", "b", "b"):
        index.swap(name, fence=1)
    serving = index.serving()
    assert serving is not None
    assert (serving.name, serving.count, serving.applied) == ("b", N, HERE)
    assert [keys[0] for keys in answered(index, "a", rows)] == list(range(N))


def test_a_version_that_is_dropped_is_gone_and_dropping_it_twice_is_no_error(index: RemoteIndex) -> None:
    filled(index, "a")
    filled(index, "b")
    index.swap("b", fence=1)
    searched = index.at("a")
    for _ in range(2):
        index.drop("a", fence=1)
    assert set(index.versions()) == {"b"}
    with pytest.raises(NotFound):
        searched.search(vectors(1), K)


def test_the_version_that_is_searched_cannot_be_dropped(index: RemoteIndex) -> None:
    filled(index)
    index.swap("a", fence=1)
    with pytest.raises(Conflict):
        index.drop("a", fence=1)
    assert "a" in index.versions()


def test_what_is_not_there_takes_nothing_in_and_is_not_swapped_to(index: RemoteIndex) -> None:
    for call in (
        lambda: index.apply("a", batch(), cursor=HERE, fence=1),
        lambda: index.tune("a", recall=0.9, fence=1),
        lambda: index.swap("a", fence=1),
    ):
        with pytest.raises(NotFound):
            call()


WRITES: dict[str, Callable[[RemoteIndex, int], None]] = {
    "claim": lambda index, fence: index.claim(fence),
    "create": lambda index, fence: made(index, "c", fence=fence),
    "apply": lambda index, fence: index.apply("a", batch(removed=[1]), cursor=THERE, fence=fence),
    "tune": lambda index, fence: index.tune("a", recall=0.9, fence=fence),
    "swap": lambda index, fence: index.swap("b", fence=fence),
    "drop": lambda index, fence: index.drop("b", fence=fence),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("known_by", WRITES)
def test_a_fence_that_is_too_small_is_refused_and_has_changed_nothing(
    index: RemoteIndex, write: str, known_by: str
) -> None:
    filled(index, "a")
    filled(index, "b")
    index.swap("a", fence=1)
    index.claim(4)
    WRITES[known_by](index, 5) if known_by != "drop" else index.drop("another", fence=5)
    before = dict(index.versions()), index.serving()

    with pytest.raises(LeaseLost):
        WRITES[write](index, 4)

    assert (dict(index.versions()), index.serving()) == before


def test_the_same_fence_may_write_as_often_as_it_likes(index: RemoteIndex) -> None:
    index.claim(3)
    filled(index, fence=3)
    index.claim(3)
    index.swap("a", fence=3)


def test_a_version_is_tuned_as_often_as_wanted_and_answers_as_before(index: RemoteIndex) -> None:
    rows = filled(index)
    for _ in range(2):
        index.tune("a", recall=0.9, fence=1)
    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N, HERE)
    assert [keys[0] for keys in answered(index, "a", rows)] == list(range(N))


def test_what_is_forgotten_is_gone_with_all_its_versions_and_can_be_made_anew(index: RemoteIndex) -> None:
    filled(index, "a")
    filled(index, "b")
    index.swap("a", fence=1)
    searched = index.at("a")

    for _ in range(2):
        index.forget()

    assert index.versions() == {}
    assert index.serving() is None
    with pytest.raises(NotFound):
        searched.search(vectors(1), K)
    filled(index, "c")
    index.swap("c", fence=1)
    assert set(index.versions()) == {"c"}


def test_what_is_let_go_of_goes_on_working(index: RemoteIndex) -> None:
    rows = filled(index)
    for _ in range(2):
        index.let_go()
    assert [keys[0] for keys in answered(index, "a", rows)] == list(range(N))
    index.let_go()


def picture(n: int, **metadata: Any) -> ImageRecord:
    return ImageRecord(f"{n:064x}", 100 + n, 50, "png", 10 * n, metadata=metadata)


def passing(index: RemoteIndex, where: str, queries: Any, k: int = N) -> set[int]:
    return set(index.at("a").search(queries, k, among=Filter.parse(where)).keys[0].tolist()) - {-1}


def filled_with_pictures(index: RemoteIndex) -> Any:
    rows = vectors()
    made(index)
    told = {n: picture(n, label="even" if n % 2 == 0 else "odd") for n in range(N)}
    index.apply("a", batch(range(N), rows)._replace(pictures=told), cursor=HERE, fence=1)
    return rows


def test_an_index_that_takes_no_filter_says_so_and_refuses_one(index: RemoteIndex) -> None:
    filled_with_pictures(index)
    assert index.at("a").takes_filters == index.takes_filters
    if not index.takes_filters:
        with pytest.raises(BadInput):
            passing(index, "width < 103", vectors(1))


def test_an_index_that_takes_filters_knows_what_batches_tell_of_pictures(index: RemoteIndex) -> None:
    if not index.takes_filters:
        return
    rows = filled_with_pictures(index)
    assert passing(index, "width < 103", rows[:1]) == {0, 1, 2}
    assert passing(index, "label = odd and width < 106", rows[:1]) == {1, 3, 5}
    labelled = {2: picture(2, label="odd"), 99: picture(99, label="odd")}

    index.apply("a", batch(removed=[3])._replace(pictures=labelled), cursor=THERE, fence=1)

    assert passing(index, "label = odd and width < 106", rows[:1]) == {1, 2, 5}
    assert (index.versions()["a"].count, index.versions()["a"].applied) == (N - 1, THERE)
    assert 99 not in index.at("a").search(rows[:1], N + 5).keys


def test_a_picture_that_is_put_again_has_what_was_told_of_it_last(index: RemoteIndex) -> None:
    if not index.takes_filters:
        return
    rows = filled_with_pictures(index)
    for label in ("new", "newer"):
        told = {4: picture(4, label=label)}
        index.apply("a", batch([4], rows[5:6])._replace(pictures=told), cursor=THERE, fence=1)
    assert passing(index, "label = newer", rows[5:6]) == {4}
    assert passing(index, "label = new", rows[5:6]) == set()


def test_of_k_that_pass_a_filter_k_are_answered_however_far_away(index: RemoteIndex) -> None:
    if not index.takes_filters:
        return
    rows = filled_with_pictures(index)
    found = index.at("a").search(rows, K, among=Filter.parse("width >= 103"))
    assert (found.keys >= 3).all()
    assert passing(index, "width > 1000", rows[:1]) == set()
