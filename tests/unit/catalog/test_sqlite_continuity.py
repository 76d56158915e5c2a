"""A catalog that was opened is the one that is read, and its history goes on; or nothing is read at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.sqlite import SqliteCatalog, continuity, nobody_writing
from lookalike.core.errors import CollectionReplaced, NoCollection, StorageFailed
from lookalike.storage.sqlite import pool
from tests.catalogs import known_ids
from tests.processes import ended
from tests.unit.catalog.pictures import D, image, image_id, made, put, started

FILE = "catalog.sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "collection"
    with opened(folder) as catalog:
        put(catalog, [1])
    return folder


def opened(folder: Path) -> SqliteCatalog:
    return made(folder / FILE)


def ids(*numbers: int) -> set[str]:
    return {image_id(n) for n in numbers}


def made_anew(folder: Path) -> None:
    shutil.rmtree(folder)
    with opened(folder) as other:
        put(other, [2])


def renamed_over(folder: Path, copy: Path) -> None:
    copy.replace(folder / FILE)


def copied_into(folder: Path, copy: Path) -> None:
    shutil.copyfile(copy, folder / FILE)


def copied_with_its_times(folder: Path, copy: Path) -> None:
    shutil.copy2(copy, folder / FILE)


def copied_and_written_to_the_same_number(folder: Path, copy: Path) -> None:
    shutil.copyfile(copy, folder / FILE)
    with opened(folder) as other:
        put(other, [3])


def test_one_that_was_made_anew_is_not_taken_for_the_one_that_was_opened(folder: Path) -> None:
    with opened(folder) as catalog:
        known = catalog.identity()
        made_anew(folder)

        assert not catalog.is_unchanged
        assert not catalog.is_current()
        with pytest.raises(CollectionReplaced, match="open it again"):
            known_ids(catalog)
        with pytest.raises(CollectionReplaced):
            put(catalog, [3])
    with opened(folder) as again:
        assert again.identity() != known
        assert known_ids(again) == ids(2)


@pytest.mark.parametrize(
    "put_back", [renamed_over, copied_into, copied_with_its_times, copied_and_written_to_the_same_number]
)
def test_an_older_copy_is_noticed(folder: Path, tmp_path: Path, put_back: Callable[[Path, Path], None]) -> None:
    copy = Path(shutil.copy2(folder / FILE, tmp_path / "copy"))
    with opened(folder) as catalog:
        put(catalog, [2])
        assert known_ids(catalog) == ids(1, 2)
        put_back(folder, copy)

        with pytest.raises(CollectionReplaced):
            known_ids(catalog)
        with pytest.raises(CollectionReplaced):
            catalog.cursor()
    with opened(folder) as again:
        assert known_ids(again) - ids(3) == ids(1)


def test_another_collection_in_the_file_of_an_empty_one_is_noticed(folder: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "empty") as catalog:
        assert known_ids(catalog) == set()
        copied_into(tmp_path / "empty", folder / FILE)

        with pytest.raises(CollectionReplaced):
            known_ids(catalog)


def test_an_older_copy_is_noticed_before_anything_is_written_into_it(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy2(folder / FILE, tmp_path / "copy"))
    with opened(folder) as catalog:
        put(catalog, [2])
        copied_into(folder, copy)

        with pytest.raises(CollectionReplaced):
            put(catalog, [3])
    with opened(folder) as again:
        assert known_ids(again) == ids(1)


def test_a_folder_that_is_moved_away_and_back_is_the_same_again(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as catalog:
        folder.rename(tmp_path / "away")
        with pytest.raises(NoCollection, match="removed or moved"):
            known_ids(catalog)
        with pytest.raises(NoCollection):
            put(catalog, [2])
        assert not folder.exists()
        (tmp_path / "away").rename(folder)

        put(catalog, [2])
        assert known_ids(catalog) == ids(1, 2)


def test_another_in_its_place_for_a_while_is_not_read(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as catalog:
        assert known_ids(catalog) == ids(1)
        folder.rename(tmp_path / "away")
        with opened(folder) as other:
            put(other, [2])
        assert not catalog.is_current()
        shutil.rmtree(folder)
        (tmp_path / "away").rename(folder)

        assert known_ids(catalog) == ids(1)


def test_what_others_commit_is_the_same_history(folder: Path) -> None:
    with opened(folder) as catalog, opened(folder) as other:
        for n in range(2, 7):
            put(other if n % 2 else catalog, [n])
            assert catalog.is_current()
            assert catalog.is_unchanged
            assert len(known_ids(catalog)) == len(known_ids(other))
            assert other.is_unchanged


def test_a_change_that_is_undone_is_no_other_history(folder: Path) -> None:
    with opened(folder) as catalog:
        with suppress(ZeroDivisionError), catalog.transaction() as transaction:
            transaction.remove_images([image_id(1)])
            raise ZeroDivisionError
        put(catalog, [2])
        assert known_ids(catalog) == ids(1, 2)


def test_who_undoes_a_large_change_does_not_wait_for_who_waits_to_read(folder: Path) -> None:
    read: list[set[str]] = []
    with SqliteCatalog.open(folder / FILE, busy_wait_s=60, most_changed_bytes=20_000) as catalog:
        thread = threading.Thread(target=lambda: read.append(known_ids(catalog)))
        with suppress(ZeroDivisionError), catalog.transaction() as transaction:
            for n in range(2, 200):
                transaction.put_images([image(n)], np.ones((1, D), np.float16))
            thread.start()
            thread.join(0.5)
            assert thread.is_alive()
            raise ZeroDivisionError
        thread.join(60)
    assert read == [ids(1)]


def test_a_large_change_shuts_nobody_out(folder: Path) -> None:
    N = 14_000  # rows of vectors alone are more than the 32 MB that are cached
    wide = np.ones((N, 1280), np.float16)
    with SqliteCatalog.open(folder.parent / "wide" / FILE) as catalog:
        catalog.claim_model("m" * 64, 1280)
        with SqliteCatalog.open(catalog.path, busy_wait_s=0.0) as other:
            with catalog.transaction() as transaction:
                transaction.put_images([image(n) for n in range(N)], wide)
                assert other.facts().images == catalog.facts().images == 0
            assert other.facts().images == N


@pytest.mark.parametrize("let_go", [SqliteCatalog.let_go, SqliteCatalog.close])
def test_letting_go_within_a_change_waits_for_its_end(folder: Path, let_go: Callable[[SqliteCatalog], None]) -> None:
    with opened(folder) as before:
        files = len(os.listdir("/dev/fd"))
        with opened(folder) as catalog:
            with catalog.transaction() as transaction:
                transaction.remove_images([image_id(1)])
                let_go(catalog)
                transaction.put_images([image(2)], np.ones((1, D), np.float16))
            assert known_ids(before) == ids(2)
            assert len(os.listdir("/dev/fd")) == files


def test_letting_go_while_another_thread_changes_something_waits_for_nobody(folder: Path) -> None:
    began, over = threading.Event(), threading.Event()

    def write() -> None:
        with catalog.transaction() as transaction:
            began.set()
            assert over.wait(60)
            transaction.remove_images([image_id(1)])

    with opened(folder) as catalog:
        thread = threading.Thread(target=write)
        thread.start()
        assert began.wait(60)
        catalog.let_go()
        over.set()
        thread.join()
        assert known_ids(catalog) == set()


def test_a_catalog_that_keeps_no_file_open_keeps_none_after_a_change_that_fails(folder: Path) -> None:
    with opened(folder) as catalog:
        catalog.let_go()
        before = len(os.listdir("/dev/fd"))
        with suppress(ZeroDivisionError), catalog.transaction() as transaction:
            transaction.remove_images([image_id(1)])
            raise ZeroDivisionError
        assert len(os.listdir("/dev/fd")) == before


def test_a_connection_to_a_file_that_goes_while_it_is_opened_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = pool.connect

    def connected_and_gone(path: Path, **options: Any) -> Any:
        connection = connected(path, **options)
        path.unlink(missing_ok=True)
        return connection

    with opened(folder) as catalog:
        catalog.let_go()
        before = len(os.listdir("/dev/fd"))
        monkeypatch.setattr(pool, "connect", connected_and_gone)
        with pytest.raises(NoCollection) as kept:  # whose frames hold what was not closed
            known_ids(catalog)
        assert len(os.listdir("/dev/fd")) == before
        del kept


@pytest.mark.parametrize(
    ("happens", "told"),
    [(shutil.rmtree, NoCollection), (made_anew, CollectionReplaced), (lambda _: None, StorageFailed)],
    ids=["removed", "made anew", "nothing"],
)
@pytest.mark.parametrize("way", ["reading", "writing"])
def test_an_error_about_a_file_that_went_meanwhile_is_none_of_the_disk(
    folder: Path, way: str, happens: Callable[[Path], None], told: type[Exception]
) -> None:
    failed = sqlite3.OperationalError("disk I/O error")
    failed.sqlite_errorcode = sqlite3.SQLITE_IOERR
    with opened(folder) as catalog:
        ways = {"reading": catalog._connections.reading, "writing": catalog._connections.writing}
        with pytest.raises(told), ways[way]():  # noqa: PT012 - the block is what fails
            happens(folder)
            raise failed


def test_a_file_that_is_replaced_while_it_is_opened_is_opened_as_it_is_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected, failed = pool.connect, []

    def fails_once(path: Path, **options: Any) -> Any:
        if not failed:
            failed.append(path)
            folder.rename(folder.with_name("away"))  # so that its number is not given to the next file
            with opened(folder) as other:
                put(other, [2])
            raise sqlite3.OperationalError("unable to open database file")
        return connected(path, **options)

    with SqliteCatalog.open(folder / FILE) as catalog:
        catalog.let_go()
        monkeypatch.setattr(pool, "connect", fails_once)
        with pytest.raises(CollectionReplaced):
            catalog.cursor()
    assert failed


def test_one_that_must_be_there_is_not_made_where_it_goes_while_it_is_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoCollection):
        SqliteCatalog.open(folder.with_name("other") / FILE, create=False)
    assert not folder.with_name("other").exists()

    monkeypatch.setattr(SqliteCatalog, "_format", lambda self: 0)  # as of one that is to be brought up to date
    monkeypatch.setattr("lookalike.catalog.sqlite.catalog.load_alembic", lambda: shutil.rmtree(folder))
    with pytest.raises(NoCollection):
        SqliteCatalog.open(folder / FILE, create=False)
    assert not folder.exists()


def test_many_threads_that_read_while_others_write_see_one_history(folder: Path) -> None:
    failures: list[BaseException] = []

    def read(catalog: SqliteCatalog) -> None:
        try:
            while not over.is_set():
                known_ids(catalog)
        except BaseException as error:
            failures.append(error)

    over = threading.Event()
    with opened(folder) as catalog, opened(folder) as other:
        threads = [threading.Thread(target=read, args=(one,)) for one in (catalog, other, catalog)]
        for thread in threads:
            thread.start()
        for n in range(20):
            put(catalog if n % 2 else other, [n])
        over.set()
        for thread in threads:
            thread.join()
    assert not failures


def test_nobody_writes_while_a_catalog_is_taken_away(folder: Path, tmp_path: Path) -> None:
    went: list[str] = []

    def write(catalog: SqliteCatalog) -> None:
        try:
            put(catalog, [2])
        except NoCollection:
            went.append("refused")

    with opened(folder) as catalog:
        with nobody_writing(folder / FILE, wait_s=5):
            thread = threading.Thread(target=write, args=(catalog,))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            folder.rename(tmp_path / "away")
        thread.join(30)
    assert went == ["refused"]
    with opened(tmp_path / "away") as again:
        assert known_ids(again) == ids(1)


def test_a_damaged_catalog_can_be_taken_away_too(folder: Path) -> None:
    (folder / FILE).write_bytes(os.urandom(10_000))

    with nobody_writing(folder / FILE, wait_s=1):
        shutil.rmtree(folder)

    assert not folder.exists()


def test_one_that_keeps_no_file_open_goes_on(folder: Path) -> None:
    with opened(folder) as catalog:
        known_ids(catalog)
        catalog.let_go()
        before = len(os.listdir("/dev/fd"))

        put(catalog, [2])
        assert known_ids(catalog) == ids(1, 2)
        assert len(os.listdir("/dev/fd")) == before


KILLED = """
catalog = SqliteCatalog.open(Path(sys.argv[1]), most_changed_bytes=20_000)
with catalog.transaction() as transaction:
    for number in range(100, 400):
        transaction.put_images([image(number)], np.ones((1, D), np.float16))
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_had_written_is_put_back_and_the_history_goes_on(folder: Path) -> None:
    with opened(folder) as catalog:
        assert known_ids(catalog) == ids(1)
        for number in (2, 3):
            before = (folder / FILE).read_bytes()
            ended(started(KILLED, folder / FILE))
            assert (folder / FILE).read_bytes() != before  # pages of a commit that never was
            assert image_id(100) not in known_ids(catalog)
            put(catalog, [number])
        assert known_ids(catalog) == ids(1, 2, 3)


def test_a_look_at_a_file_that_was_written_without_a_commit_waits_for_nobody_who_commits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / FILE
    history_of = continuity.history_of

    def history_of_while_another_waits_to_commit(connection: sqlite3.Connection) -> continuity.History:
        monkeypatch.setattr(continuity, "history_of", history_of)
        history = history_of(connection)  # from here on others can prepare a commit, and wait
        writer.start()
        while not is_waited_for(path):
            time.sleep(0.01)
        return history

    with opened(folder) as catalog, opened(folder) as other:
        writer = threading.Thread(target=put, args=(other, [2]))
        assert known_ids(catalog) == ids(1)
        os.utime(path, ns=(1, 1))
        monkeypatch.setattr(continuity, "history_of", history_of_while_another_waits_to_commit)
        assert known_ids(catalog) == ids(1)
        writer.join()
        assert known_ids(catalog) == ids(1, 2)


def is_waited_for(path: Path) -> bool:
    """Whether nobody may begin to read, for somebody waits to commit."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("SELECT count(*) FROM settings").fetchall()
        except sqlite3.OperationalError:
            return True
    return False
