"""What passes a filter in the database is what `Filter.matches` says, for random pictures and hostile values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.core.conditions import Condition
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.core.records import START, ImageRecord
from lookalike.index.pgvector.filters import TRANSLATIONS
from lookalike.index.remote import Batch, RemoteIndex
from tests.contract.test_catalog_filters import COLLECTIONS, FILTERS

D = 2
QUERY = np.ones((1, D), np.float32)


@pytest.fixture
def index(new_pgvector: Callable[[], RemoteIndex]) -> RemoteIndex:
    made = new_pgvector()
    made.create("a", projection_version=0, dimension=D, fence=1)
    return made


def put(index: RemoteIndex, images: list[ImageRecord]) -> None:
    count = len(images)
    batch = Batch(np.arange(count), np.ones((count, D), np.float32), np.arange(count, 9), dict(enumerate(images)))
    index.apply("a", batch, cursor=START, fence=1)


def passing(index: RemoteIndex, where: Filter) -> list[int]:
    found = index.at("a").search(QUERY, 10, among=where)
    return sorted(key for key in found.keys[0].tolist() if key >= 0)


def test_every_operator_is_translated() -> None:
    assert set(TRANSLATIONS) == set(Op)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(collection=COLLECTIONS, wheres=st.lists(FILTERS, min_size=1, max_size=6))
def test_what_passes_is_what_the_filter_matches(
    index: RemoteIndex, collection: list[tuple[dict[str, Any], list[str]]], wheres: list[Filter]
) -> None:
    images = [
        ImageRecord(id=hashlib.sha256(bytes([n])).hexdigest(), **fields) for n, (fields, _) in enumerate(collection)
    ]
    put(index, images)
    for where in wheres:
        if not where.is_about_files:
            assert passing(index, where) == [n for n, image in enumerate(images) if where.matches(image, None)], where


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**63 - 1, 0.1, 1e300, 2.0**62, 1e-300, 5])
@pytest.mark.parametrize("op", [Op.EQ, Op.IN, Op.LT, Op.LTE, Op.GT, Op.GTE, Op.NE])
def test_numbers_are_compared_to_the_last_digit(index: RemoteIndex, number: Any, op: Op) -> None:
    near = [2**53, 2**53 + 1, 2**53 + 2, -(2**63), 2**63 - 1, 2**63 - 2, 0.1, 0.30000000000000004, 1e300, 2**62, "5.0"]
    for some in (near[:6], near[6:]):
        images = [ImageRecord(f"{n:064x}", 1, 1, "png", 1, metadata={"n": value}) for n, value in enumerate(some)]
        put(index, images)
        values: Any = [number, *range(20)] if op is Op.IN else number
        where = Filter(((Condition("n", op, values),),))
        assert passing(index, where) == [n for n, image in enumerate(images) if where.matches(image, None)]


def test_the_largest_filters_are_answered(index: RemoteIndex) -> None:
    put(index, [ImageRecord("0" * 64, 1, 1, "png", 1, metadata={"label": "a"})])
    alternatives = tuple((Condition(f"f{n}", Op.IN, list(range(39))),) for n in range(256))
    assert passing(index, Filter(alternatives)) == []
    assert passing(index, Filter((tuple(Condition("camera", Op.NE, str(n)) for n in range(256)),))) == [0]
    lists = Filter(tuple((Condition("label", Op.NOT_IN, [f"{n}" for n in range(1_000)]),) for _ in range(10)))
    assert passing(index, lists) == [0]
    assert passing(index, Filter((((Condition("label", Op.LIKE, "%a" * 2_000)),),))) == []
