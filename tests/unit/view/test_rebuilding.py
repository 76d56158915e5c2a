"""When an index is to be made anew, and what is asked of it meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.core.records import Neighbours, numbered_cursor
from lookalike.index.choice import EXACT_UP_TO
from lookalike.index.projection import LEAST_TO_LEARN, Projection
from lookalike.view.index_state import IndexState
from lookalike.view.rebuilding import reason_to_rebuild
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.recall_to_ask import RecallToAsk
from lookalike.view.wish import Wish


class StubIndex:
    """An index of a number of pictures, of which nothing is asked but what it is."""

    def __init__(self, count: int, *, engine: str = "exact", worn: str = "", points: Any = None) -> None:
        self.count, self.engine, self.worn = count, engine, worn
        self.parameters = {} if points is None else {"points": points}

    def __len__(self) -> int:
        return self.count


def state_of(count: int, *, tried_with: int, learnt: bool = False, **index: Any) -> IndexState:
    projection = Projection(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), tried_with) if learnt else None
    return IndexState(
        index=StubIndex(count, **index),  # type: ignore[arg-type]
        projection=projection,
        tried_with=tried_with,
        cursor=numbered_cursor(count, "1"),
    )


RAW = Wish(projecting="off", engine="exact")
LEARNING = Wish(engine="exact")


@pytest.mark.parametrize(
    ("state", "wish", "reason"),
    [
        (state_of(10, tried_with=10), RAW, ""),
        (state_of(10_000, tried_with=10), RAW, ""),
        (state_of(LEAST_TO_LEARN - 1, tried_with=10), LEARNING, ""),
        (state_of(LEAST_TO_LEARN, tried_with=10), LEARNING, "256 pictures are enough to learn a projection from"),
        (state_of(501, tried_with=1000, learnt=True), LEARNING, ""),
        (state_of(1999, tried_with=1000, learnt=True), LEARNING, ""),
        (
            state_of(500, tried_with=1000, learnt=True),
            LEARNING,
            "the projection was learnt when there were 1000 pictures, now there are 500",
        ),
        (
            state_of(2000, tried_with=1000, learnt=True),
            LEARNING,
            "the projection was learnt when there were 1000 pictures, now there are 2000",
        ),
        (state_of(1999, tried_with=1000), LEARNING, ""),
        (state_of(2000, tried_with=1000), LEARNING, "2000 pictures are enough to learn a projection from"),
        (
            state_of(10, tried_with=10, engine="faiss", worn="a third is gone"),
            RAW,
            "the collection holds 10 pictures now",
        ),
        (
            state_of(10, tried_with=10, engine="faiss", worn="a third is gone"),
            Wish(projecting="off", engine="IVF4,Flat"),
            "a third is gone",
        ),
        (
            state_of(EXACT_UP_TO + 1, tried_with=10),
            Wish(projecting="off"),
            f"the collection holds {EXACT_UP_TO + 1} pictures now",
        ),
    ],
)
def test_an_index_is_made_anew_for_its_size_its_projection_or_its_wear(
    state: IndexState, wish: Wish, reason: str
) -> None:
    assert reason_to_rebuild(state, wish, RecallGauge(wish.recall)) == reason


def sinking_gauge() -> RecallGauge:
    gauge = RecallGauge(0.9, share=1, least=1)
    given = Neighbours(np.array([[1]]), np.array([[0.5]], np.float32), exact=False, scanned=1, plan="", error=0.0)
    exact = given._replace(keys=np.array([[2]]), similarities=np.array([[0.9]], np.float32), exact=True)
    for _ in range(20):
        gauge.observe(given, lambda: exact)
        assert gauge.settle(60)
    assert gauge.sinking
    return gauge


def test_an_index_whose_measured_recall_sank_is_made_anew_and_asked_for_more_meanwhile() -> None:
    gauge, wish = sinking_gauge(), Wish(projecting="off", engine="IVF4,Flat", recall=0.9)
    state = state_of(10, tried_with=10, engine="faiss")
    assert reason_to_rebuild(state, wish, gauge) == "the measured recall sank to 0.000"
    assert RecallToAsk(wish, gauge).of(state.index) == pytest.approx(0.975)
    gauge.close()


@pytest.mark.parametrize(
    ("recall", "points", "asked"),
    [
        (0.9, None, None),
        (0.9, [], None),
        (0.9, [{"recall": 0.8}, {"recall": 0.95}], 0.9),
        (0.99, [{"recall": 0.8}, {"recall": 0.95}], 0.95),  # its best way falls short, and is taken all the same
        (1, [{"recall": 0.95}], 1.0),
        (0.9, "unknown", None),
    ],
)
def test_as_much_recall_is_asked_for_as_the_owner_wants_and_the_index_has_a_way_to(
    recall: float, points: Any, asked: float | None
) -> None:
    to_ask = RecallToAsk(Wish(recall=recall), RecallGauge(recall))
    assert to_ask.of(StubIndex(10, points=points)) == asked  # type: ignore[arg-type]
