"""A keeper that cannot save the index for an hour: searches go on, it tries again, and tells once."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from lookalike.collection.hosting import hosting
from lookalike.core.errors import CatalogDamaged, Locked, LookalikeError, StorageFailed
from lookalike.view.keeper import FIRST_PAUSE_S, LONGEST_PAUSE_S, Keeper, SavingTrouble
from lookalike.view.local_view import LocalView
from tests.clock import Clock
from tests.collections import new_collection, open_catalog, png

HOUR_S = 3600
SEARCHED_AT = {*range(36), 62, 63, 64, 126, 127, 128, 254, 255, 256, *range(300, HOUR_S, 100)}
"""Around each second at which saving is due, and often enough between; in seconds of that hour."""


class Disk:
    """Saving fails while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: Clock, error: LookalikeError) -> None:
        self.tried_at: list[float] = []
        self.is_full = True
        real = LocalView.save

        def save(view: LocalView) -> Any:
            self.tried_at.append(clock.now)
            if self.is_full:
                raise error
            return real(view)

        monkeypatch.setattr(LocalView, "save", save)


@pytest.mark.parametrize("error", [StorageFailed("the disk is full"), Locked("another writes"), CatalogDamaged("torn")])
@pytest.mark.parametrize("beside", [False, True])
def test_an_index_that_cannot_be_saved_for_an_hour(
    tmp_path: Path,
    error: LookalikeError,
    beside: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    disk = Disk(monkeypatch, clock, error)
    caplog.set_level(logging.INFO, logger="lookalike.view.keeper")
    with new_collection(tmp_path / "photos") as collection:
        keeper = collection._open.keeper = Keeper(collection._parts.view, may_write=True, beside=beside, clock=clock)
        first = collection.add(png(1))
        begun = clock.now
        for second in range(HOUR_S):
            clock.now = begun + second
            if second in SEARCHED_AT:
                assert [hit.id for hit in collection.search(png(1), where={"width": {"gt": -second}})] == [first]
                keeper.join()

        pauses = [later - before for before, later in zip(disk.tried_at, disk.tried_at[1:], strict=False)]
        assert pauses[:8] == [FIRST_PAUSE_S * 2**n for n in range(8)]
        assert set(pauses[9:]) == {LONGEST_PAUSE_S}
        assert len(disk.tried_at) < 25
        assert keeper.trouble == SavingTrouble(lasts_s=HOUR_S - 1, tries=len(disk.tried_at), reason=str(error))
        assert collection.info().not_saved == hosting(collection).not_saved == keeper.trouble
        told = [record for record in caplog.records if "was not saved" in record.message]
        assert [(record.levelno, str(error) in record.message) for record in told] == [
            (logging.WARNING if beside else logging.INFO, True)
        ]

        disk.is_full = False
        clock.now += LONGEST_PAUSE_S
        collection.search(png(1))
        keeper.join()
        assert keeper.trouble is None
        assert collection.info().not_saved is None
        assert [record.message for record in caplog.records if "saved again" in record.message] == [
            f"the index is saved again, which had failed for {HOUR_S - 1 + LONGEST_PAUSE_S:.0f} s"
        ]
        assert (tmp_path / "photos" / "snapshots" / "CURRENT").exists()


def test_who_asks_for_it_is_not_kept_waiting_by_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    disk = Disk(monkeypatch, clock, StorageFailed("the disk is full"))
    with new_collection(tmp_path / "photos") as collection:
        keeper = collection._open.keeper = Keeper(collection._parts.view, may_write=True, beside=False, clock=clock)
        collection.add(png(1))
        collection.search(png(1))
        assert keeper.trouble is not None
        disk.is_full = False
    assert keeper.trouble is None, "closing tries it, whatever failed before"
    assert (tmp_path / "photos" / "snapshots" / "CURRENT").exists()


def test_nothing_is_saved_into_the_place_of_a_collection_that_was_removed(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    collection = new_collection(place, catalog=open_catalog(place / "catalog.sqlite"))
    collection.add(png(1))
    collection._parts.view.refresh()
    shutil.rmtree(place)
    collection._open.keeper.save_if_possible()
    assert not place.exists()
    collection.close()


def test_a_collection_that_may_not_be_written_has_no_trouble_with_saving(tmp_path: Path) -> None:
    with new_collection(tmp_path / "photos") as collection:
        keeper = Keeper(collection._parts.view, may_write=False, beside=False)
        collection.add(png(1))
        collection._parts.view.refresh()
        keeper.look_after()
        keeper.save_if_possible()
        assert keeper.trouble is None
        assert not (tmp_path / "photos" / "snapshots" / "CURRENT").exists()


def test_an_index_that_cannot_be_kept_in_step_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="lookalike.view.keeper")

    def fail(_: LocalView) -> None:
        raise Locked("another writes")

    monkeypatch.setattr(LocalView, "renew", fail)
    with new_collection(tmp_path / "photos") as collection:
        keeper = Keeper(collection._parts.view, may_write=False, beside=True)
        collection.add(png(1))
        collection._parts.view.refresh()
        collection.add(png(2))
        keeper.look_after()
        keeper.join()
    assert "the index was not kept in step: another writes" in caplog.text
