"""The damages that other tests inflict are damages."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from tests.damage import damaged


@pytest.mark.parametrize("content", [b"x", b"text\n" * 10, random.Random(1).randbytes(20_000), bytes(9_000)])
def test_each_damage_differs_from_the_content_and_they_repeat_with_the_seed(content: bytes) -> None:
    first, second = (
        list(islice(damaged(content, rng=random.Random(5), others={"other": b"other", "same": content}), 100))
        for _ in range(2)
    )
    assert first == second
    assert all(result != content for _, result in first)
    assert [name for name, _ in first[:3]] == ["missing", "empty", "other"]
    assert len({name.split()[-1] for name, _ in first}) > 3
