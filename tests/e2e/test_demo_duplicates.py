"""What `duplicates` names in the demo's pictures: true copies alone."""

from __future__ import annotations

from pathlib import Path

import lookalike
from tests.e2e.conftest import Outcome


def test_each_group_of_the_demo_is_one_picture_and_its_copies(demo_made: tuple[Path, Outcome]) -> None:
    with lookalike.open(demo_made[0] / "demo" / "demo.lookalike", read_only=True) as opened:
        groups = opened.duplicates()
    assert groups
    for group in groups:
        names = {Path(member.path or "").stem.removeprefix("copy of ") for member in group.members}
        assert len(names) == 1
