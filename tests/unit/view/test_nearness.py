"""Whether a query has nothing like it in a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import MAIN
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.index.projection import LEAST_TO_LEARN
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.search import Query, Wanted, search
from lookalike.search.search_many import search_many
from lookalike.search.timings import Timings
from lookalike.view.local_view import LocalView
from lookalike.view.nearness import LEAST, SHARE, Nearness, measure_nearness
from lookalike.view.wish import Projecting, Wish
from tests.collections import new_parts

D = 16
KINDS = 10


def world(*, seed: int, count: int, directions: slice) -> Vectors:
    """Pictures of some kinds, all within some directions of space; the kinds are the same for every seed."""
    kinds = np.zeros((KINDS, D), np.float32)
    width = len(range(*directions.indices(D)))
    kinds[:, directions] = np.random.default_rng(7).standard_normal((KINDS, width))
    chance = np.random.default_rng(seed)
    noise = np.zeros((count, D), np.float32)
    noise[:, directions] = chance.standard_normal((count, width))
    return normalise(normalise(kinds[chance.integers(0, KINDS, count)]) + 0.4 * normalise(noise))


OURS, FOREIGN = slice(0, D // 2), slice(D // 2, D)


def parts_of(vectors: Vectors, *, folder: Path | None = None, projecting: Projecting = "auto") -> Parts:
    made = new_parts()
    parts = type(made)(
        **{name: getattr(made, name) for name in made.__dataclass_fields__ if name != "view"},
        view=LocalView(made.catalog, folder, engines=LocalEngines(), wish=Wish(projecting=projecting)),
    )
    add(parts, vectors)
    return parts


def add(parts: Parts, vectors: Vectors, *, first: int = 0) -> None:
    ids = [f"{(n + first) * 2_654_435_761 % 2**32:08x}{n + first:056x}" for n in range(len(vectors))]  # as hashes are
    with parts.catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(one, 10, 10, "png", 1) for one in ids], vectors.astype(np.float16))


def ask(parts: Parts, query: Vectors, **wanted: Any) -> Reply:
    return search(Query({MAIN: query}), parts, wanted=Wanted(**wanted), timings=Timings())


def told(parts: Parts, queries: Vectors, **wanted: Any) -> list[bool | None]:
    return [ask(parts, queries[n : n + 1], **wanted).nothing_like_it for n in range(len(queries))]


@pytest.mark.parametrize("count", [100, 600], ids=["raw vectors", "after a projection"])
def test_queries_of_another_world_are_told_and_those_of_this_one_hardly_ever(count: int) -> None:
    parts = parts_of(world(seed=1, count=count, directions=OURS))

    foreign = told(parts, world(seed=2, count=100, directions=FOREIGN))
    known = told(parts, world(seed=3, count=200, directions=OURS))

    assert (ask(parts, np.ones((1, D), np.float32)).index.projection_learnt_from > 0) == (count >= LEAST_TO_LEARN)
    assert all(foreign)
    assert sum(map(bool, known)) / len(known) < 2.5 * SHARE


@pytest.mark.parametrize("k", [1, 3, 10, 50, 1000])
def test_it_is_told_whatever_k_is(k: int) -> None:
    parts = parts_of(world(seed=1, count=300, directions=OURS))
    foreign, known = world(seed=2, count=1, directions=FOREIGN), parts_vectors(parts)[:1]

    assert ask(parts, foreign, k=k).nothing_like_it is True
    assert ask(parts, known, k=k).nothing_like_it is False


def parts_vectors(parts: Parts) -> Vectors:
    return np.concatenate([stored.vectors.astype(np.float32) for stored in parts.catalog.all_vectors()])


def test_the_length_of_a_query_changes_nothing() -> None:
    parts = parts_of(world(seed=1, count=300, directions=OURS))
    queries = np.concatenate([world(seed=n, count=20, directions=part) for n, part in enumerate((OURS, FOREIGN))])

    assert told(parts, queries) == told(parts, 1000 * queries) == told(parts, queries / 1000)


def test_a_collection_of_copies_is_measured_by_pictures_that_are_no_copies() -> None:
    """Each picture has a near-identical one, beside which everything that is not a copy would be nothing."""
    singles = world(seed=1, count=150, directions=OURS)
    noise = np.random.default_rng(9).standard_normal(singles.shape).astype(np.float32)
    parts = parts_of(np.concatenate([singles, normalise(singles + 0.001 * noise)]), projecting="off")

    known = told(parts, world(seed=3, count=200, directions=OURS))

    assert sum(map(bool, known)) / len(known) < 2.5 * SHARE


def test_of_copies_of_one_picture_nothing_is_said() -> None:
    parts = parts_of(np.repeat(world(seed=1, count=1, directions=OURS), 100, axis=0))

    assert ask(parts, world(seed=2, count=1, directions=FOREIGN)).nothing_like_it is None


@pytest.mark.parametrize(("count", "is_known"), [(0, False), (1, False), (LEAST - 1, False), (LEAST, True)])
def test_of_few_pictures_nothing_is_said(count: int, is_known: bool) -> None:
    parts = parts_of(world(seed=1, count=count, directions=OURS))

    said = ask(parts, world(seed=2, count=1, directions=FOREIGN)).nothing_like_it

    assert said is (True if is_known else None)


def test_a_reply_from_the_cache_and_searches_together_say_the_same() -> None:
    vectors = world(seed=1, count=300, directions=OURS)
    foreign = world(seed=2, count=1, directions=FOREIGN)
    queries = [foreign, vectors[:1], foreign]

    together = search_many([Query({MAIN: one}) for one in queries], parts_of(vectors), Wanted())

    assert [reply.nothing_like_it for reply in together] == [True, False, True]
    assert together[2].cached


def test_it_is_told_of_what_is_left_out_for_want_of_confidence_too() -> None:
    parts = parts_of(world(seed=1, count=300, directions=OURS))

    reply = ask(parts, world(seed=2, count=1, directions=FOREIGN), min_confidence=1.0)

    assert (len(reply.hits), reply.nothing_like_it) == (0, True)


def test_groups_are_told_of_as_well() -> None:
    parts = parts_of(world(seed=1, count=300, directions=OURS))

    assert ask(parts, world(seed=2, count=1, directions=FOREIGN), grouped=True).nothing_like_it is True
    assert ask(parts, parts_vectors(parts)[:1], grouped=True).nothing_like_it is False


def test_a_snapshot_keeps_it_and_one_without_it_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(world(seed=1, count=300, directions=OURS), folder=tmp_path / "snapshots")
    foreign = world(seed=2, count=1, directions=FOREIGN)
    before = ask(parts, foreign)
    saved = parts.view.save()
    measured: list[Nearness | None] = []
    monkeypatch.setattr(
        "lookalike.view.nearness.measure_nearness",
        lambda *given: measured.append(measure_nearness(*given)) or measured[-1],
    )

    again = LocalView(parts.catalog, tmp_path / "snapshots", engines=LocalEngines(), wish=Wish())
    known = again.nearness()

    assert saved is not None
    assert before.nothing_like_it is True
    assert (known, measured) == (parts.view.nearness(), [])
    assert known == Nearness(**(saved.nearness or {}))


def test_it_is_measured_again_when_the_collection_has_grown_to_twice_its_size() -> None:
    parts = parts_of(world(seed=1, count=100, directions=OURS), projecting="off")
    first = parts.view.nearness()

    add(parts, world(seed=4, count=50, directions=OURS), first=100)
    parts.view.refresh()
    meanwhile = parts.view.nearness()
    add(parts, world(seed=5, count=100, directions=OURS), first=150)
    parts.view.refresh()
    then = parts.view.nearness()

    assert meanwhile is first
    assert first is not None
    assert then is not None
    assert (first.pictures, then.pictures) == (100, 250)


def test_the_floor_is_the_one_of_a_plain_loop() -> None:
    N = 64
    vectors = world(seed=1, count=N, directions=OURS)
    parts = parts_of(vectors, projecting="off")
    rows = normalise(parts_vectors(parts))

    nearest = sorted(max(float(rows[n] @ rows[m]) for m in range(N) if m != n) for n in range(N))
    known = parts.view.nearness()

    # (1 + those at most as near) / (N + 1) is to be at most SHARE: of 64, one may be
    assert known is not None
    assert known.floor == pytest.approx(nearest[int(SHARE * (N + 1)) - 1], abs=1e-3)
    assert known.sample == N
