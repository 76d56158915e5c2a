"""A catalog is copied while others use it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.catalog.sqlite.copying import CatalogFile
from lookalike.core.errors import NoCollection
from tests.unit.catalog.pictures import made, put


def test_searches_go_on_while_it_is_copied_also_beside_a_commit_that_waits(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=3).close()
    with SqliteCatalog.open(path, lock_wait_s=3600) as writer, SqliteCatalog.open(path, busy_wait_s=0.05) as reader:
        adding = threading.Thread(target=put, args=(writer, [8]))
        with CatalogFile(path).copied(tmp_path / "copy.db") as copy:
            adding.start()
            for _ in range(30):
                assert reader.facts().images == 3
                time.sleep(0.02)
            assert copy.images() == 3
        adding.join()
        assert reader.facts().images == 4


def test_one_whose_folder_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(NoCollection), CatalogFile(tmp_path / "gone" / "catalog.db").copied(tmp_path / "copy.db"):
        pass
