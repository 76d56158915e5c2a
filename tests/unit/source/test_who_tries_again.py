"""Trying again belongs to engines: were flows to do it, too, tries would multiply."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "lookalike"
ENGINES = {"catalog", "dispatch", "embedding", "index", "jobs", "ledger", "objects"}
FOR_THEM = {Path("core/retrying.py"), Path("storage/postgres/pool.py")}
"""What engines try again with: a lost connection to a database is made anew in one place for all of them."""


def test_nobody_above_the_engines_tries_again() -> None:
    users = [
        path.relative_to(SOURCE)
        for path in SOURCE.rglob("*.py")
        if "core.retrying" in path.read_text("utf-8") and path.relative_to(SOURCE) not in FOR_THEM
    ]
    assert [str(one) for one in users if one.parts[0] not in ENGINES] == []
    assert Path("embedding/remote.py") in users
