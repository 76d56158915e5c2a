"""All tests here are those of other files, run again over small collections whose index lives elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.collections import Views
from tests.remote.remote_index import IndexServer
from tests.remote.remote_views import RemoteViews

HERE = Path(__file__).parent

KINDS: dict[str, Callable[[], RemoteViews]] = {
    "not fed yet": lambda: RemoteViews(IndexServer, fed=False),
    "behind": lambda: RemoteViews(IndexServer, fed=True),
    "behind, with filters": lambda: RemoteViews(partial(IndexServer, takes_filters=True), fed=True),
}

PGVECTOR = "behind, in PostgreSQL"

WITH_ONE_CATALOG = ("behind", PGVECTOR)
OTHER_CATALOGS = ("sqlite", "folder", "lossy")
"""To run over each catalog is for the other kinds: nothing of these depends on it."""

LEFT_OUT = {
    "test_the_index_is_saved_and_used_at_the_next_opening": "",
    "test_a_folder_that_cannot_be_written_is_searched_and_not_changed": "",
    "test_on_a_full_disk_searches_do_not_try_to_save_the_index_each_time": "",
    "test_rebuilding_tells_what_was_made_and_saves_it": "",
    "test_a_snapshot_of_a_catalog_elsewhere_is_read_and_caught_up": "",
    "test_where_the_database_was_put_back_from_a_copy_the_index_is_made_anew": "",
    "test_an_answer_by_an_index_that_is_behind_is_not_kept": "not fed yet",
}
"""By name the kind of which it does not hold, all where none is said: these are about snapshots in a folder, which an
index elsewhere does not have, or about an index that is behind, which a catalog that is compared as a whole is not."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    if item.path.parent != HERE:
        return False
    kind = LEFT_OUT.get(getattr(item, "originalname", item.name))
    is_without_meaning = kind is not None and kind in item.name
    runs_with_one_catalog = any(f"[{kind}-" in item.name for kind in WITH_ONE_CATALOG)
    return is_without_meaning or (runs_with_one_catalog and any(f"-{word}" in item.name for word in OTHER_CATALOGS))


@pytest.fixture(params=[*KINDS, PGVECTOR], autouse=True)
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == PGVECTOR:
        views = RemoteViews(request.getfixturevalue("new_pgvector"), fed=True)
    else:
        views = KINDS[request.param]()
    monkeypatch.setattr(Views, "make", staticmethod(views))
