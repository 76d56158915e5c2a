"""What errors say of themselves."""

from __future__ import annotations

import pickle

from lookalike.core.errors import SnapshotDamaged


def test_a_damaged_snapshot_says_what_to_do_and_gives_its_reason_alone_to_who_makes_the_index_anew() -> None:
    error = pickle.loads(pickle.dumps(SnapshotDamaged("keys.npy is missing")))

    assert str(error) == "keys.npy is missing; run `lookalike rebuild` to make the index anew"
    assert error.reason == "keys.npy is missing"
