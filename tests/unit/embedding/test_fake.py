from __future__ import annotations

import numpy as np

from lookalike.embedding.fake import FakeEmbedder


def half_and_half(left: int, right: int) -> np.ndarray:
    image = np.full((20, 20, 3), left, np.uint8)
    image[:, 10:] = right
    return image


def test_two_fakes_of_the_same_make_agree_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)

    assert FakeEmbedder().embed([image]).tobytes() == FakeEmbedder().embed([image]).tobytes()
    assert FakeEmbedder().card == FakeEmbedder().card


def test_width_and_seed_make_another_model() -> None:
    fakes = [FakeEmbedder(), FakeEmbedder(seed=1), FakeEmbedder(dimension=5)]

    assert len({fake.card.id for fake in fakes}) == 3
    assert [fake.embed([half_and_half(0, 255)]).shape[1] for fake in fakes] == [16, 16, 5]


def test_the_more_alike_the_closer() -> None:
    bright, nearly, mirrored = half_and_half(0, 255), half_and_half(20, 240), half_and_half(255, 0)

    first, second, third = FakeEmbedder().embed([bright, nearly, mirrored])

    assert first @ second > 0.95 > first @ third


def test_size_does_not_matter_where_colours_and_places_are_the_same() -> None:
    small, large = half_and_half(40, 90), np.kron(half_and_half(40, 90), np.ones((3, 5, 1), np.uint8))

    first, second = FakeEmbedder().embed([small, large])

    np.testing.assert_allclose(first, second, atol=1e-5)
