"""Which engine an index has: by how many vectors there are and what is wanted, with some play."""

from __future__ import annotations

import pytest

from lookalike.index.choice import AUTO, EXACT, EXACT_UP_TO, FAISS, GPU, engine_for, has_outgrown

FEW, MANY = 10, EXACT_UP_TO + 1
FACTORY = "IVF4,Flat"


@pytest.mark.parametrize(
    ("count", "wanted", "engine"),
    [
        (0, AUTO, EXACT), (FEW, AUTO, EXACT), (EXACT_UP_TO, AUTO, EXACT), (MANY, AUTO, FAISS),
        (0, EXACT, EXACT), (MANY, EXACT, EXACT), (0, FACTORY, EXACT), (FEW, FACTORY, FAISS),
        (0, GPU, GPU), (FEW, GPU, GPU), (MANY, GPU, GPU),
    ],
)  # fmt: skip
def test_an_engine_is_for_so_many_vectors(count: int, wanted: str, engine: str) -> None:
    assert engine_for(count, wanted) == engine


@pytest.mark.parametrize("count", [0, FEW, EXACT_UP_TO // 2, EXACT_UP_TO, MANY])
@pytest.mark.parametrize("wanted", [AUTO, EXACT, GPU, FACTORY])
def test_what_was_just_made_is_not_made_anew(count: int, wanted: str) -> None:
    assert not has_outgrown(engine_for(count, wanted), count, wanted)


def test_on_the_border_an_index_does_not_go_to_and_fro() -> None:
    assert has_outgrown(EXACT, MANY, AUTO)
    assert not has_outgrown(FAISS, EXACT_UP_TO, AUTO)
    assert has_outgrown(FAISS, EXACT_UP_TO // 2, AUTO)


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize(("had", "wanted"), [(EXACT, GPU), (FAISS, GPU), (GPU, EXACT), (GPU, AUTO), (GPU, FACTORY)])
def test_a_card_is_taken_and_left_at_once_as_the_owner_wants(had: str, wanted: str, count: int) -> None:
    assert has_outgrown(had, count, wanted)
