"""What was acknowledged outlives the process that acknowledged it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.crash_safety.rounds import killed_rounds
from tests.unit.images.pictures import encoded, scene

PHOTOS, KILLS, COMMIT_AFTER = 200, 4, 16


def test_a_killed_ingest_loses_nothing_doubles_nothing_and_is_taken_up_again(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(PHOTOS):
        (photos / f"{n:03d}.jpg").write_bytes(encoded(scene(seed=n), "JPEG"))

    rounds = list(killed_rounds(tmp_path, photos, kills=KILLS, within_s=2.5, commit_after=COMMIT_AFTER))

    assert sum(left.killed for left in rounds) == KILLS
    assert [(left.lost, left.double) for left in rounds] == [(0, 0)] * len(rounds)
    assert not rounds[-1].killed
    assert rounds[-1].acknowledged >= PHOTOS - COMMIT_AFTER * KILLS  # a commit that was not told of is no loss
