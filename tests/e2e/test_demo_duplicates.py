"""What `duplicates` names in the demo's pictures: true copies alone."""

from __future__ import annotations

from pathlib import Path

import lookalike
from tests.e2e.conftest import Command


def test_each_group_of_the_demo_is_one_picture_and_its_copies(command: Command, tmp_path: Path) -> None:
    command("demo", tmp_path / "demo", "-q")
    collection = next((tmp_path / "demo").rglob("catalog.sqlite")).parent
    with lookalike.open(collection) as opened:
        groups = opened.duplicates()
    assert groups
    for group in groups:
        names = {Path(member.path or "").stem.removeprefix("copy of ") for member in group.members}
        assert len(names) == 1
