"""What `storage` is for is done there and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import lookalike

SOURCE = Path(lookalike.__file__).parent


def outside(pattern: str) -> list[str]:
    """Modules outside of `storage` whose source has that."""
    found = [
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if re.search(pattern, path.read_text())
    ]
    assert any(name.startswith("storage/") for name in found), "nothing is found at all"
    return [name for name in found if not name.startswith("storage/")]


def test_one_cache_lets_go_of_the_least_recently_used() -> None:
    # the service closes collections that were not asked for, which are no values that can be made again
    assert outside(r"popitem\(last=False\)") == ["service/collections.py"]


def test_one_fetch_asks_other_machines() -> None:
    # the check of an object store asks the one server that its owner has named, as a browser would
    asking = r"import http\.client|addresses import resolve|urlopen|create_connection|\.connect_ex\("
    assert outside(asking) == ["objects/s3_unsigned.py"]


def test_one_lock_and_one_claim_keep_others_out() -> None:
    assert outside(r"import fcntl|fcntl\.") == []


def test_one_place_makes_files_durable() -> None:
    assert outside(r"os\.fsync|mkstemp|NamedTemporaryFile") == []


def test_one_place_opens_sqlite_files() -> None:
    assert outside(r"sqlite3\.connect\(|journal_mode = TRUNCATE") == ["catalog/sqlite/format.py"]  # for Alembic
