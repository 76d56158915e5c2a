"""Reranking orders what was found, and says where those stand that it cannot judge."""

from __future__ import annotations

import pytest

from lookalike.search.reranking import Reranked, reorder


def reranked(*similarities: float | None) -> list[Reranked]:
    return [Reranked(similarity, "") for similarity in similarities]


@pytest.mark.parametrize(
    ("similarities", "unknown", "order"),
    [
        ([], 0.0, []),
        ([0.1, 0.9, 0.5], 0.0, [1, 2, 0]),
        ([0.5, 0.5, 0.5], 0.0, [0, 1, 2]),
        ([None, 0.0, 0.9, 0.0, None], 0.0, [2, 0, 1, 3, 4]),
        ([None, -0.5, 0.9], float("-inf"), [2, 1, 0]),
        ([None, None], float("-inf"), [0, 1]),
    ],
)
def test_the_best_come_first_and_among_equals_the_first_order_stays(
    similarities: list[float | None], unknown: float, order: list[int]
) -> None:
    assert reorder(reranked(*similarities), unknown=unknown) == order
