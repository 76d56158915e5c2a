"""Leave-one-out against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.core.errors import BadInput, BadVectors
from lookalike.evaluation import leave_one_out as module
from lookalike.evaluation.leave_one_out import leave_one_out
from lookalike.evaluation.measures import AP, P, Success

MEASURES = (AP(), P(3), Success(1))


def test_every_query_equals_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    N, D = 23, 7
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(N, D)) * rng.uniform(0.1, 9, (N, 1)), rng.integers(0, 4, N).tolist()
    monkeypatch.setattr(module, "BLOCK_BYTES", 5 * 4 * N)  # so that there are several blocks

    result = leave_one_out(vectors, labels, MEASURES)

    assert [row.query for row in result.rows] == list(range(N))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for i, row in enumerate(result.rows):
        others = sorted((j for j in range(N) if j != i), key=lambda j: -float(unit[i] @ unit[j]))
        hits = [labels[j] == labels[i] for j in others]
        precisions = [sum(hits[: r + 1]) / (r + 1) for r in range(N - 1) if hits[r]]
        assert row.relevant == sum(hits)
        assert row.values["AP"] == pytest.approx(sum(precisions) / sum(hits))
        assert row.values["P@3"] == pytest.approx(sum(hits[:3]) / 3)
        assert row.values["Success@1"] == float(hits[0])


def test_equal_similarities_are_ranked_by_position() -> None:
    vectors = np.ones((4, 2))
    result = leave_one_out(vectors, ["a", "b", "b", "a"], [AP()])
    assert [row.values["AP"] for row in result.rows] == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1])


def test_an_item_alone_in_its_label_is_no_query_but_still_an_answer() -> None:
    vectors = np.array([[1, 0], [1, 0.2], [1, 0.1]])
    result = leave_one_out(vectors, ["a", "a", "alone"], [AP()])
    assert result.skipped == 1
    assert [row.query for row in result.rows] == [0, 1]
    assert result.means == {"AP": 0.5}  # the lone item stands between the two


def test_a_zero_vector_is_similar_to_nothing_and_breaks_nothing() -> None:
    result = leave_one_out(np.array([[0, 0], [1, 0], [1, 0.1]]), ["a", "a", "a"], [AP()])
    assert result.means["AP"] == 1


def test_labels_may_be_any_hashable_and_mix_types() -> None:
    result = leave_one_out(np.eye(4), ["1", 1, ("1",), 1], [AP()])
    assert [row.query for row in result.rows] == [1, 3]
    assert result.skipped == 2


def test_nothing_in_gives_no_rows() -> None:
    result = leave_one_out(np.zeros((0, 3)), [], [AP()])
    assert result.rows == []
    assert result.skipped == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(BadInput, match="label for each of the 2"):
        leave_one_out(np.eye(2), ["a"], [AP()])
    with pytest.raises(BadVectors, match="finite"):
        leave_one_out(np.array([[np.nan, 1]]), ["a"], [AP()])
