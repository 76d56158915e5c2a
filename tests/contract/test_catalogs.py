"""What every place of catalogs promises: which there are, what each says, making and dropping them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.catalog.catalogs import Catalogs
from lookalike.catalog.memory.catalogs import MemoryCatalogs
from lookalike.catalog.sqlite.catalogs import SqliteCatalogs
from lookalike.core.errors import CatalogDamaged, CollectionReplaced, Locked, NoCollection, ReadOnly
from lookalike.core.records import ImageRecord
from tests.contract.test_catalog import MODEL, D, image, image_id, rows
from tests.servers.postgres import the_postgres_server

PLACES = {
    "sqlite": lambda folder: sqlite(folder),
    "memory": lambda _: MemoryCatalogs(),
    "postgres": lambda _: postgres(),
}


def sqlite(folder: Path, **options: object) -> SqliteCatalogs:
    return SqliteCatalogs(
        folder / "place",
        file_name="catalog.sqlite",
        has_belongings=lambda one: (one / "belongings").exists(),
        **options,  # type: ignore[arg-type]
    )


def postgres() -> Catalogs:
    url = the_postgres_server().make_database()
    from lookalike.catalog.postgres.catalogs import open_postgres_catalogs

    return open_postgres_catalogs(url)


@pytest.fixture(params=PLACES)
def catalogs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogs]:
    place: Catalogs = PLACES[request.param](tmp_path)
    yield place
    if request.param == "postgres":
        place.close()  # type: ignore[attr-defined]


def fill(catalog: Catalog, *names: object) -> None:
    catalog.claim_model(MODEL, D)
    with catalog.transaction() as transaction:
        transaction.put_images([image(name, metadata={"n": 1}) for name in names], rows(*range(1, len(names) + 1)))


def test_in_a_new_place_there_are_none(catalogs: Catalogs) -> None:
    assert catalogs.names() == []
    assert not catalogs.exists("photos")
    assert catalogs.stamp("photos") == ""
    for ask in (catalogs.open, catalogs.overview, catalogs.drop):
        with pytest.raises(NoCollection):
            ask("photos")
    assert catalogs.names() == []


def test_one_that_is_made_is_there_is_empty_and_made_once(catalogs: Catalogs) -> None:
    assert catalogs.create("photos")
    assert not catalogs.create("photos")
    assert catalogs.create("a-b.c_1")
    assert catalogs.names() == ["a-b.c_1", "photos"]
    assert catalogs.exists("photos")
    assert not catalogs.is_gone("photos")
    seen = catalogs.overview("photos")
    assert (seen.images, seen.model_id, seen.dimension, seen.further_models) == (0, "", 0, {})


def test_what_one_holds_is_in_its_overview_and_in_no_other(catalogs: Catalogs) -> None:
    for name in ("one", "other"):
        catalogs.create(name)
    opened = catalogs.open("one")
    fill(opened, 1, 2, 3)
    opened.add_further_model("finer", "f" * 64, 3)
    identity = opened.identity()
    seen = catalogs.overview("one")
    assert (seen.images, seen.model_id, seen.dimension) == (3, MODEL, D)
    assert seen.further_models == {"finer": "f" * 64}
    assert "metadata.n" in seen.fields or "n" in seen.fields
    assert seen.identity == identity
    assert catalogs.overview("other").images == 0
    opened.close()
    again = catalogs.open("one")
    assert again.facts().images == 3
    again.close()


def test_a_stamp_that_is_told_is_another_one_after_a_change(catalogs: Catalogs, tmp_path: Path) -> None:
    catalogs.create("photos")

    def settled() -> str:
        """As it is some seconds later."""
        for path in tmp_path.rglob("catalog.sqlite"):
            before = path.stat()
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 10**10))
        return catalogs.stamp("photos")

    before = settled()
    assert before
    assert catalogs.stamp("photos") == before
    opened = catalogs.open("photos")
    fill(opened, 1)
    opened.close()
    assert catalogs.stamp("photos") != before
    assert settled() != before


def test_one_that_is_dropped_is_gone_for_all_and_its_name_is_free(catalogs: Catalogs) -> None:
    catalogs.create("photos")
    catalogs.create("stays")
    opened = catalogs.open("photos")
    fill(opened, 1)
    catalogs.drop("photos")
    assert catalogs.names() == ["stays"]
    assert catalogs.is_gone("photos")
    assert not catalogs.exists("photos")
    with pytest.raises(NoCollection):
        catalogs.drop("photos")
    assert catalogs.create("photos")
    assert catalogs.overview("photos").images == 0
    opened.close()


def test_many_that_make_and_drop_the_same_one_end_with_one_or_none(catalogs: Catalogs) -> None:
    made: list[bool] = []
    failed: list[BaseException] = []
    together = threading.Barrier(4)

    def run(call: Callable[[], object]) -> None:
        together.wait()
        try:
            for _ in range(3):
                call()
        except (NoCollection, CollectionReplaced):
            pass
        except BaseException as error:
            failed.append(error)

    calls = [lambda: made.append(catalogs.create("photos"))] * 2 + [lambda: catalogs.drop("photos")] * 2
    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert catalogs.names() in (["photos"], [])
    assert catalogs.exists("photos") == bool(catalogs.names())


def test_in_folders_who_has_one_open_that_is_dropped_is_told(tmp_path: Path) -> None:
    catalogs = sqlite(tmp_path)
    catalogs.create("photos")
    with catalogs.open("photos") as opened:
        fill(opened, 1)
        catalogs.drop("photos")
        with pytest.raises(NoCollection):
            opened.facts()
        catalogs.create("photos")
        with pytest.raises(CollectionReplaced):
            opened.facts()


def test_in_folders_who_writes_is_waited_for_and_one_who_does_not_end_keeps_it(tmp_path: Path) -> None:
    catalogs = sqlite(tmp_path, drop_wait_s=0.1)
    catalogs.create("photos")
    with catalogs.open("photos") as opened:
        fill(opened, 1)
        held = threading.Event()
        end = threading.Event()

        def write() -> None:
            with opened.transaction():
                held.set()
                end.wait()

        writing = threading.Thread(target=write)
        writing.start()
        held.wait()
        with pytest.raises(Locked):
            catalogs.drop("photos")
        end.set()
        writing.join()
    assert catalogs.names() == ["photos"]
    catalogs.drop("photos")
    assert list((tmp_path / "place").iterdir()) == []


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "empty"])
def test_in_folders_one_that_was_lost_is_told_and_not_made_anew(tmp_path: Path, left: bytes | None) -> None:
    catalogs = sqlite(tmp_path)
    catalogs.create("photos")
    folder = catalogs.folder_of("photos")
    (folder / "belongings").write_bytes(b"of it")
    (folder / "catalog.sqlite").unlink()
    if left is not None:
        (folder / "catalog.sqlite").write_bytes(left)
    assert catalogs.names() == ["photos"]
    for ask in (catalogs.exists, catalogs.create, catalogs.open, catalogs.overview):
        with pytest.raises(CatalogDamaged, match="restore it from a copy"):
            ask("photos")
    assert not catalogs.is_gone("photos")
    catalogs.drop("photos")
    assert catalogs.names() == []


def test_in_folders_what_else_lies_there_is_no_catalog(tmp_path: Path) -> None:
    catalogs = sqlite(tmp_path, named={"mine": tmp_path / "elsewhere"})
    catalogs.create("photos")
    (tmp_path / "place" / "empty").mkdir()
    (tmp_path / "place" / "file").write_bytes(b"")
    (tmp_path / "place" / ".hidden").mkdir()
    assert catalogs.names() == ["mine", "photos"]
    assert not catalogs.exists("mine")
    assert not catalogs.is_gone("mine")
    assert catalogs.create("mine")
    assert (tmp_path / "elsewhere" / "catalog.sqlite").is_file()


def test_in_folders_one_that_cannot_be_looked_at_is_not_taken_for_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogs = sqlite(tmp_path)
    catalogs.create("photos")
    real = os.stat

    def stat(path: object, *given: object, **options: object) -> os.stat_result:
        if str(path).endswith("catalog.sqlite"):
            raise PermissionError(13, "Permission denied")
        return real(path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", stat)
    assert catalogs.names() == ["photos"]
    with pytest.raises(ReadOnly):
        catalogs.exists("photos")
    assert catalogs.stamp("photos") == ""


def test_an_identity_is_of_one_catalog_alone(catalogs: Catalogs) -> None:
    words = []
    for name in ("one", "other"):
        catalogs.create(name)
        opened = catalogs.open(name)
        opened.claim_model(MODEL, D)
        with opened.transaction() as transaction:
            transaction.put_images([ImageRecord(image_id(1), 1, 1, "png", 1)], np.ones((1, D), np.float16))
        words.append(opened.identity())
        opened.close()
    assert len(set(words)) == 2
