"""Names of collections stand for what lies in their folders; many can be asked for, and few are kept open."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from lookalike.assembly.backing import FolderBacking
from lookalike.catalog.sqlite import format as catalog_format
from lookalike.catalog.sqlite.format import FORMAT
from lookalike.collection import Collection
from lookalike.core.ending import Ending, ending
from lookalike.core.errors import (
    CatalogDamaged,
    CollectionError,
    DeadlineExceeded,
    Locked,
    NoCollection,
    NotAllowed,
    StorageFailed,
)
from lookalike.index.snapshot import alone
from lookalike.models.kept import keep_model
from lookalike.service.collections import Collections
from tests.collections import new_collection, open_catalog, png
from tests.services import sha256
from tests.unit.catalog.test_sqlite_format import next_step


def opened(folder: Path, create: bool) -> Collection:
    return new_collection(folder, catalog=open_catalog(folder / "catalog.sqlite", create=create))


def served(home: Path, *, most_open: int = 32) -> Collections:
    return Collections(FolderBacking(home, open_=opened), secret=lambda: b"s" * 32, most_open=most_open)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Collections]:
    collections = served(tmp_path)
    yield collections
    collections.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Collections]:
    """As another process has them."""
    collections = served(tmp_path)
    yield collections
    collections.close()


def within(seconds: float) -> Ending:
    return Ending(time.monotonic() + seconds, lambda: True)


def failing(error: Exception, *_: object) -> None:
    raise error


def found(collection: Collection) -> set[str]:
    return {hit.id for hit in collection.search(png(0), k=100)}


def test_one_that_another_process_made_anew_is_served_at_once(here: Collections, elsewhere: Collections) -> None:
    here.create("photos")
    here.get("photos").add(png(1))
    assert found(here.get("photos")) == {sha256(png(1))}

    elsewhere.remove("photos")
    with pytest.raises(NoCollection):
        here.get("photos")
    elsewhere.create("photos")
    elsewhere.get("photos").add(png(2))

    assert found(here.get("photos")) == {sha256(png(2))}
    here.get("photos").add(png(3))
    assert found(elsewhere.get("photos")) == {sha256(png(2)), sha256(png(3))}


def test_removing_and_making_anew_in_turn_shows_no_picture_of_an_earlier_one(
    here: Collections, elsewhere: Collections
) -> None:
    lived: list[str | None] = [None]  # in order; None while there was none
    wrong: list[set[str] | Exception] = []
    over = threading.Event()

    def search() -> None:
        while not over.is_set():
            since = len(lived) - 1
            try:
                hits = here.use("photos", found)
            except CollectionError:
                continue
            except Exception as error:
                wrong.append(error)
                return
            if earlier := hits.difference(lived[since:]):
                wrong.append(earlier)

    here.create("photos")
    searching = threading.Thread(target=search)
    searching.start()
    for n in range(50):
        one, other = (here, elsewhere) if n % 2 else (elsewhere, here)
        one.remove("photos")
        lived.append(None)
        assert other.create("photos")
        lived.append(sha256(png(n)))
        one.use("photos", lambda held, n=n: held.add(png(n)))
        assert other.use("photos", found) == {sha256(png(n))}
        assert one.use("photos", found) == {sha256(png(n))}
    over.set()
    searching.join(60)
    assert wrong == []


def test_an_older_copy_that_is_put_back_is_served(here: Collections, tmp_path: Path) -> None:
    here.create("photos")
    catalog = tmp_path / "collections" / "photos" / "catalog.sqlite"
    here.get("photos").add(png(1))
    shutil.copy2(catalog, tmp_path / "copy")
    here.get("photos").add(png(2))
    assert len(found(here.get("photos"))) == 2

    shutil.copyfile(tmp_path / "copy", catalog)
    assert found(here.get("photos")) == {sha256(png(1))}
    here.get("photos").add(png(3))
    assert found(here.get("photos")) == {sha256(png(1)), sha256(png(3))}

    shutil.copy2(tmp_path / "copy", tmp_path / "again")
    (tmp_path / "again").replace(catalog)
    assert found(here.get("photos")) == {sha256(png(1))}


def test_a_folder_that_is_moved_away_and_back_is_gone_and_there_again(here: Collections, tmp_path: Path) -> None:
    here.create("photos")
    here.get("photos").add(png(1))
    folder = tmp_path / "collections" / "photos"

    folder.rename(tmp_path / "away")
    with pytest.raises(NoCollection):
        here.get("photos")
    (tmp_path / "away").rename(folder)

    assert found(here.get("photos")) == {sha256(png(1))}


def test_no_more_are_kept_open_than_may_be_and_who_uses_one_goes_on(tmp_path: Path) -> None:
    collections = served(tmp_path, most_open=2)
    for n in range(5):
        collections.create(f"c{n}")
        collections.get(f"c{n}").add(png(n))
    used = collections.get("c0")
    for n in range(1, 5):
        collections.get(f"c{n}")

    assert [name for name in collections.names() if collections.get_open(name)] == ["c3", "c4"]
    assert found(used) == {sha256(png(0))}
    used.add(png(9))
    assert found(collections.get("c0")) == {sha256(png(0)), sha256(png(9))}
    collections.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell which files are open")
def test_those_that_were_let_go_of_hold_no_files(tmp_path: Path) -> None:
    collections = served(tmp_path, most_open=2)
    for n in range(12):
        collections.create(f"c{n}")
        collections.get(f"c{n}").add(png(n))
        found(collections.get(f"c{n}"))
    collections._letting_go.shutdown()

    held = {Path(link).resolve().parent.name for link in Path("/proc/self/fd").iterdir() if link.exists()}
    assert {name for name in collections.names() if name in held} <= {"c10", "c11"}
    collections.close()


def test_what_a_removed_collection_left_behind_is_not_in_the_way_of_the_next(here: Collections, tmp_path: Path) -> None:
    here.create("photos")
    here.remove("photos")
    (tmp_path / "collections" / "photos" / "uploads").mkdir(parents=True)  # of a version that made it a moment too late

    assert here.create("photos")
    assert len(here.get("photos")) == 0


@pytest.mark.parametrize("what", ["a picture", "an upload", "an index", "a model"])
def test_what_comes_too_late_for_one_that_was_removed_leaves_nothing_in_its_place(
    here: Collections, elsewhere: Collections, tmp_path: Path, what: str
) -> None:
    here.create("photos")
    photos = here.get("photos")
    uploads = here.uploads("photos")
    photos.add(png(1))
    found(photos)
    photos._open.keeper.join()
    elsewhere.remove("photos")

    folder = tmp_path / "collections" / "photos"
    late: dict[str, Callable[[], object]] = {
        "a picture": lambda: photos._parts.objects.put(png(2)),
        "an upload": lambda: uploads.stage("a" * 32, png(2)),
        "an index": lambda: alone(folder / "snapshots").__enter__(),
        "a model": lambda: keep_model(b"a model", folder / "models", model_id="a" * 64),
    }
    with pytest.raises(StorageFailed):
        late[what]()

    assert list((tmp_path / "collections").iterdir()) == []
    assert elsewhere.create("photos")


def test_what_is_acknowledged_while_one_is_removed_went_before_it(here: Collections, elsewhere: Collections) -> None:
    """An upload goes into the old one or the new one; none is acknowledged that is in neither."""
    kept: list[str] = []
    over = threading.Event()

    def add() -> None:
        n = 0
        while not over.is_set():
            n += 1
            try:
                image_id = here.use("photos", lambda held, n=n: held.add(png(n)))
            except CollectionError:
                continue
            kept.append(image_id)

    elsewhere.create("photos")
    adding = threading.Thread(target=add)
    adding.start()
    for _ in range(10):
        elsewhere.remove("photos")
        kept.clear()  # what came before it is gone on purpose; what is acknowledged from here on is not
        elsewhere.create("photos")
    since = len(kept)
    while len(kept) < since + 5:
        assert adding.is_alive(), "what failed there is told as a warning"
        over.wait(0.01)
    over.set()
    adding.join(60)
    there = elsewhere.get("photos")
    assert [one for one in kept[since:] if one not in there] == []


def test_two_processes_take_turns(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from tests.collections import png
from tests.unit.service.test_collections import served
collections = served(Path(sys.argv[1]))
for line in sys.stdin:
    n = int(line)
    collections.remove("photos")
    collections.create("photos")
    collections.get("photos").add(png(n))
    print(n, flush=True)
"""
    here = served(tmp_path)
    here.create("photos")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for n in range(10):
            print(n, file=other.stdin, flush=True)
            assert int(other.stdout.readline()) == n
            assert here.use("photos", found) == {sha256(png(n))}
            here.use("photos", lambda held: held.add(png(100)))
            assert len(here.use("photos", found)) == 2
        other.stdin.close()
    here.close()


def test_the_address_of_an_upload_leads_into_no_later_collection_of_the_name(
    here: Collections, elsewhere: Collections
) -> None:
    here.create("photos")
    announced = {"size_bytes": 5, "content_type": "image/png", "sha256": "b" * 64, "expires_at": time.time() + 60}
    put = here.uploads("photos").presign("a" * 32, **announced)
    query = dict(parse_qsl(urlsplit(put.url).query))
    headers = {**put.headers, "Content-Length": "5"}
    elsewhere.get("photos")
    elsewhere.receiving("photos").receive("a" * 32, query=query, headers=headers).abort()

    here.remove("photos")
    here.create("photos")

    elsewhere.get("photos")
    for collections in (here, elsewhere):
        with pytest.raises(NotAllowed):
            collections.receiving("photos").receive("a" * 32, query=query, headers=headers)


def test_one_that_cannot_be_read_at_the_moment_is_never_left_out_of_a_list(here: Collections, tmp_path: Path) -> None:
    for name in ("one", "two"):
        here.create(name)
    writer = sqlite3.connect(tmp_path / "collections" / "two" / "catalog.sqlite", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")

    with ending(within(0.3)), pytest.raises((DeadlineExceeded, Locked)):
        list(here.glances(here.names()))
    writer.close()

    assert [(name, fault) for name, _, fault in here.glances(here.names())] == [("one", None), ("two", None)]


def test_one_that_is_damaged_is_listed_with_its_fault_and_holds_up_no_other(here: Collections, tmp_path: Path) -> None:
    for name in ("one", "two"):
        here.create(name)
    (tmp_path / "collections" / "one" / "catalog.sqlite").write_bytes(b"something else" * 1000)

    faults = {name: fault for name, _, fault in here.glances(here.names())}
    assert isinstance(faults.pop("one"), CatalogDamaged)
    assert faults == {"two": None}


def test_the_log_tells_once_of_one_that_cannot_be_read_and_again_after_it_was_well(
    here: Collections, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here.create("one")
    here.get("one").add(png(1))
    here.close()
    catalog = tmp_path / "collections" / "one" / "catalog.sqlite"
    whole = catalog.read_bytes()
    for times in (1, 2):
        catalog.write_bytes(b"something else" * 1000)
        for _ in range(3):
            ((_, _, fault),) = here.glances(["one"])
            assert isinstance(fault, CatalogDamaged)
        assert caplog.text.count("'one' cannot be read") == times
        catalog.write_bytes(whole)
        assert [fault for *_, fault in here.glances(["one"])] == [None]


def test_one_that_an_earlier_version_wrote_is_listed(
    here: Collections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.create("photos")
    here.get("photos").add(png(1))
    here.close()
    migrations = tmp_path / "migrations"
    shutil.copytree(catalog_format._MIGRATIONS, migrations)
    (migrations / "versions" / "v9999_extra.py").write_text(next_step('op.execute("CREATE TABLE extra (a)")'))
    monkeypatch.setattr(catalog_format, "_MIGRATIONS", migrations)
    for module in ("format", "catalog"):
        monkeypatch.setattr(f"lookalike.catalog.sqlite.{module}.FORMAT", FORMAT + 1)

    later = served(tmp_path)
    ((name, seen, _),) = later.glances(later.names())
    assert (name, seen and seen.images) == ("photos", 1)
    later.close()


def test_a_folder_of_collections_that_cannot_be_looked_through_is_no_empty_list(
    here: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.create("photos")

    monkeypatch.setattr("os.listdir", partial(failing, OSError(errno.EMFILE, "Too many open files")))
    with pytest.raises(StorageFailed):
        here.names()


def test_who_waits_for_one_that_is_being_opened_waits_no_longer_than_they_may(tmp_path: Path) -> None:
    may_open, is_opening = threading.Event(), threading.Event()

    def slowly_opened(folder: Path, create: bool) -> Collection:
        is_opening.set()
        assert may_open.wait(20)
        return opened(folder, create)

    made = served(tmp_path)
    made.create("photos")
    made.close()
    collections = Collections(FolderBacking(tmp_path, open_=slowly_opened), secret=lambda: b"s" * 32)
    first = threading.Thread(target=collections.get, args=("photos",))
    first.start()
    assert is_opening.wait(20)

    with ending(within(0.2)), pytest.raises(DeadlineExceeded):
        collections.get("photos")
    may_open.set()
    first.join(20)
    assert collections.get_open("photos") is not None
    collections.close()


def test_nothing_is_kept_of_names_for_which_there_is_no_collection(here: Collections) -> None:
    for n in range(100):
        with pytest.raises(NoCollection):
            here.get(f"c{n}")
        with pytest.raises(NoCollection):
            here.glance(f"c{n}")
    assert len(here._turns) == 0
    assert len(here._glances) == 0


def test_one_that_cannot_be_saved_keeps_none_from_being_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    collections = served(tmp_path)
    for n, name in enumerate(("one", "two")):
        collections.create(name)
        collections.get(name).add(png(n))
        found(collections.get(name))
    monkeypatch.setattr(collections.get("one")._parts.view, "save", partial(failing, Locked("another writes")))

    with caplog.at_level("INFO"):
        collections.close()

    assert "the index was not saved: another writes" in caplog.text
    assert (tmp_path / "collections" / "two" / "snapshots").exists()


def test_a_glance_tells_of_each_commit_also_where_the_clock_of_the_disk_stands_still(
    here: Collections, tmp_path: Path
) -> None:
    here.create("photos")
    collection = here.get("photos")
    catalog = tmp_path / "collections" / "photos" / "catalog.sqlite"
    collection.add(png(1))
    before = catalog.stat()
    assert here.glance("photos").images == 1
    collection.add(png(2))
    os.utime(catalog, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert catalog.stat().st_size == before.st_size
    assert here.glance("photos").images == 2


def test_a_collection_that_goes_while_it_is_opened_is_closed(tmp_path: Path) -> None:
    made: list[Collection] = []

    def opened_and_gone(folder: Path, create: bool) -> Collection:
        made.append(new_collection(folder))
        if not create:
            shutil.rmtree(folder)
        return made[-1]

    collections = Collections(FolderBacking(tmp_path, open_=opened_and_gone), secret=lambda: b"s" * 32, most_open=1)
    collections.create("photos")
    collections.create("others")
    with pytest.raises(NoCollection):
        collections.get("photos")
    with pytest.raises(CollectionError, match="closed"):
        len(made[-1])
    collections.close()


def test_they_tell_for_how_long_an_index_could_not_be_saved(here: Collections, monkeypatch: pytest.MonkeyPatch) -> None:
    here.create("photos")
    photos = here.get("photos")
    photos.add(png(1))
    assert here.not_saved_for_s() == 0
    failure = StorageFailed("the disk is full")
    monkeypatch.setattr("lookalike.view.local_view.LocalView.save", lambda _: failing(failure))

    photos.search(png(1))
    photos._open.keeper.join()

    assert here.not_saved_for_s() > 0
    monkeypatch.undo()
    photos._open.keeper.save_if_possible()
    assert here.not_saved_for_s() == 0
