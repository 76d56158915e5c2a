from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.assembly.service import service_place
from lookalike.backup import Backup, Place, check_backup, make_backup, restore_backup
from lookalike.backup import make as making
from lookalike.collection import Collection
from lookalike.core.errors import BadInput, FormatTooNew, NotIndexed, StorageFailed, WouldOverwrite
from lookalike.objects.local import LocalObjects
from lookalike.objects.streams import ObjectStream
from lookalike.settings.service import ServiceSettings
from tests.collections import new_collection, png
from tests.unit.storage.modes import open_to_others

PICTURES = 4
MADE = "collections/made"
MODEL = hashlib.sha256(b"a model").hexdigest()


Meanwhile = Callable[[str], object]


class LiveObjects(LocalObjects):
    """Something happens once the first object has been opened, and before its copy is written; it is told its id."""

    def __init__(self, folder: Path, meanwhile: Meanwhile) -> None:
        super().__init__(folder)
        self._meanwhile: Meanwhile | None = meanwhile

    def open(self, object_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        stream = super().open(object_id, first=first, size_bytes=size_bytes)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile(object_id)
        return stream


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A service's folder with the collections `named` and `made`, and what a service keeps beside them."""
    home = tmp_path / "home"
    for place in (home / "named.lookalike", home / "collections" / "made"):
        place.mkdir(parents=True)
        with new_collection(place) as collection:
            for n in range(PICTURES):
                collection.add(png(n), metadata={"n": n})
            collection.search(png(0), k=1)
    (home / "signing.key").write_bytes(b"k" * 32)
    (home / "keys.json").write_text("{}")
    for folder in ("staged", "quarantine"):
        place = home / "collections" / "made" / "uploads" / folder
        place.mkdir(parents=True)
        (place / ("0" * 32)).write_bytes(png(90))
    (home / "collections" / "made" / "models").mkdir()
    (home / "collections" / "made" / "models" / f"{MODEL}.onnx").write_bytes(b"a model")
    (home / "collections" / "made" / "models" / f"{'b' * 64}.0a0a0a0a.part").write_bytes(b"half of one")
    return home


def place_of(home: Path) -> Place:
    return service_place(
        ServiceSettings(
            home=home, collections={"named": home / "named.lookalike"}, keys_file=home / "keys.json", run_worker=False
        )
    )


def made(home: Path, folder: Path, *, meanwhile: Meanwhile | None = None) -> Backup:
    """A backup; `meanwhile` happens while the objects of `made` are read."""
    place = place_of(home)
    if meanwhile is not None:
        live = LiveObjects(home / "collections" / "made" / "objects", meanwhile)
        collections = [replace(one, objects=live) if one.name == MADE else one for one in place.collections]
        place = replace(place, collections=tuple(collections))
    return make_backup(place, folder, version="1.2.3")


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def ids_in(collection: Collection) -> set[str]:
    return {hit.id for hit in collection.search(png(0), k=100)}


def test_a_restored_backup_holds_what_a_service_needs_and_no_more(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    told = restore_backup(tmp_path / "backup", tmp_path / "again")

    objects = {f"{MADE}/objects/{one[:2]}/{one[2:]}" for one in LocalObjects(home / MADE / "objects").ids()}
    named = {name.replace(MADE, "named.lookalike") for name in objects}
    beside = {
        f"{MADE}/models/{MODEL}.onnx",
        *(f"{MADE}/uploads/{one}/{'0' * 32}" for one in ("staged", "quarantine")),
    }
    catalogs = {f"{MADE}/catalog.sqlite", "named.lookalike/catalog.sqlite"}
    assert set(files_in(tmp_path / "again")) == objects | named | beside | catalogs | {"signing.key", "keys.json"}
    assert told.collections == {"named.lookalike": PICTURES, MADE: PICTURES}
    with new_collection(tmp_path / "again" / MADE) as collection:
        assert {collection.pictures.read(one) for one in ids_in(collection)} == {png(n) for n in range(PICTURES)}
        assert {collection.get(one).image.metadata["n"] for one in ids_in(collection)} == set(range(PICTURES))


def test_a_backup_is_for_its_owner_alone_and_so_is_what_is_restored(home: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made(home, tmp_path / "backup")
        restore_backup(tmp_path / "backup", tmp_path / "again")
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "backup") == []
    assert open_to_others(tmp_path / "again") == []


def test_a_picture_that_comes_while_objects_are_copied_is_there_with_its_bytes_or_not_at_all(
    home: Path, tmp_path: Path
) -> None:
    with new_collection(home / MADE) as live:
        made(home, tmp_path / "backup", meanwhile=lambda _: live.add(png(50)))
    restore_backup(tmp_path / "backup", tmp_path / "again")
    with new_collection(tmp_path / "again" / MADE) as collection:
        assert len(ids_in(collection)) == PICTURES + 1
        assert all(collection.pictures.read(one) for one in ids_in(collection))


def test_a_picture_that_is_removed_while_objects_are_copied_leaves_neither_row_nor_bytes(
    home: Path, tmp_path: Path
) -> None:
    gone: list[str] = []
    with new_collection(home / MADE) as live:

        def remove(image_id: str) -> None:
            live.remove(image_id)
            gone.append(image_id)

        made(home, tmp_path / "backup", meanwhile=remove)
    restore_backup(tmp_path / "backup", tmp_path / "again")
    with new_collection(tmp_path / "again" / MADE) as collection:
        assert len(ids_in(collection)) == PICTURES - 1
        with pytest.raises(NotIndexed):
            collection.get(gone[0])
        assert set(LocalObjects(tmp_path / "again" / MADE / "objects").ids()) == ids_in(collection)


def test_bytes_of_a_picture_that_comes_before_the_catalog_is_copied_cannot_be_removed_before_they_are(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gap between the last look at the objects and the catalog: a picture comes then, and is removed again."""
    with new_collection(home / MADE) as live:
        place = place_of(home)
        (one,) = [one for one in place.collections if one.name == MADE]

        class Late:
            exists, cursor = one.catalog.exists, one.catalog.cursor

            def copied(self, target: Path):
                live.add(png(60))
                return one.catalog.copied(target)

        make_backup(replace(place, collections=(replace(one, catalog=Late()),)), tmp_path / "backup", version="1.2.3")
    restore_backup(tmp_path / "backup", tmp_path / "again")
    with new_collection(tmp_path / "again" / MADE) as collection:
        assert len(ids_in(collection)) == PICTURES + 1
        assert all(collection.pictures.read(one) for one in ids_in(collection))


def test_a_collection_that_is_removed_meanwhile_is_left_out(home: Path, tmp_path: Path) -> None:
    gone = home / "collections" / "made"
    backup = made(home, tmp_path / "backup", meanwhile=lambda _: gone.rename(home / "elsewhere"))
    assert backup.collections == {"named.lookalike": PICTURES}
    assert not [name for name in files_in(tmp_path / "backup") if name.startswith("collections/")]
    check_backup(tmp_path / "backup")


def broken(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def linked(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


@pytest.mark.parametrize("harm", [broken, cut, linked, Path.unlink])
def test_every_damaged_file_is_noticed_and_nothing_is_restored(
    home: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    made(home, tmp_path / "backup")
    for name in files_in(tmp_path / "backup"):
        place = tmp_path / f"harmed {name.replace('/', ' ')}"
        restore_backup(tmp_path / "backup", place / "copy")
        for seal in ("backup.json", "SHA256SUMS"):
            (place / "copy" / seal).write_bytes((tmp_path / "backup" / seal).read_bytes())
        check_backup(place / "copy")
        harm(place / "copy" / name)
        with pytest.raises(BadInput):
            check_backup(place / "copy")
        with pytest.raises(BadInput):
            restore_backup(place / "copy", place / "again")
        assert [path.name for path in place.iterdir()] == ["copy"]


def test_damage_is_named(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    broken(tmp_path / "backup" / MADE / "catalog.sqlite")
    (tmp_path / "backup" / "keys.json").unlink()
    with pytest.raises(BadInput, match=r"collections/made/catalog.sqlite was changed.*keys.json is missing"):
        check_backup(tmp_path / "backup")


def test_a_list_that_names_files_elsewhere_is_refused(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    sums = tmp_path / "backup" / "SHA256SUMS"
    first, *others = sums.read_text().splitlines(keepends=True)
    for name in ("../elsewhere", "a/../../elsewhere", str(tmp_path / "elsewhere")):
        sums.write_text("".join([f"{first[:64]}  {name}\n", *others]))
        with pytest.raises(BadInput, match="SHA256SUMS is missing or damaged"):
            restore_backup(tmp_path / "backup", tmp_path / "again")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_other_programs_can_check_a_backup_too(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path / "backup", check=False).returncode == 0
    broken(tmp_path / "backup" / "backup.json")
    assert subprocess.run(command, cwd=tmp_path / "backup", check=False, capture_output=True).returncode == 1


def test_a_list_that_was_cut_off_is_noticed(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    sums = tmp_path / "backup" / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    for kept in ([], lines[:1], lines[:-1], lines[1:], lines[-1:], lines + lines[-1:], lines[::-1]):
        sums.write_text("".join(kept))
        with pytest.raises(BadInput):
            check_backup(tmp_path / "backup")


def test_a_backup_of_a_newer_version_is_refused(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "backup")
    note = tmp_path / "backup" / "backup.json"
    note.write_text(note.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(FormatTooNew, match=r"is of 1.2.3"):
        check_backup(tmp_path / "backup")


@pytest.mark.parametrize(
    "changed",
    [
        {"files": "3"},
        {"files": -1},
        {"files": True},
        {"size_bytes": 1.5},
        {"size_bytes": None},
        {"lookalike": 1},
        {"made": ["2024"]},
        {"collections": []},
        {"collections": {"made": "many"}},
        {"damaged": "a catalog"},
        {"damaged": [1]},
        {"format": None},
        {"format": "one"},
        {"more": 1},
    ],
)
def test_a_note_that_is_not_as_it_should_be_is_refused(home: Path, tmp_path: Path, changed: dict[str, object]) -> None:
    made(home, tmp_path / "backup")
    note = tmp_path / "backup" / "backup.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), **changed}))
    for call in (
        lambda: check_backup(tmp_path / "backup", progress=lambda done, total: None),
        lambda: restore_backup(tmp_path / "backup", tmp_path / "again", progress=lambda done, total: None),
    ):
        with pytest.raises(BadInput, match=r"backup\.json is damaged"):
            call()
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("data", ["", "[]", "null", '"text"', "\udcff", "[" * 100_000, '{"format": 1}'])
def test_a_note_that_is_none_is_refused(home: Path, tmp_path: Path, data: str) -> None:
    made(home, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").write_bytes(os.fsencode(data))
    with pytest.raises(BadInput, match=r"backup\.json is damaged"):
        check_backup(tmp_path / "backup")


def test_what_the_disk_does_not_give_is_no_damage(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(home, tmp_path / "backup")
    opened = Path.open
    for name in ("backup.json", "SHA256SUMS"):

        def fail(path: Path, *given: Any, failing: str = name, **named: Any) -> Any:
            if path.name == failing:
                raise OSError(errno.EIO, "Input/output error")
            return opened(path, *given, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", fail)
            with pytest.raises(StorageFailed, match=rf"{name}: cannot be read \(Input/output error\)"):
                check_backup(tmp_path / "backup")


def test_what_is_no_backup_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a backup"):
        check_backup(tmp_path / "nothing")
    with pytest.raises(BadInput, match="expected a backup"):
        restore_backup(tmp_path, tmp_path / "again")


def test_nothing_takes_the_place_of_what_is_there(home: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "empty").mkdir()
    made(home, tmp_path / "empty")
    for call in (lambda: made(home, tmp_path / "full"), lambda: restore_backup(tmp_path / "empty", tmp_path / "full")):
        with pytest.raises(WouldOverwrite):
            call()
    assert files_in(tmp_path / "full") == ["mine"]


def test_a_name_may_be_as_long_as_the_disk_takes(home: Path, tmp_path: Path) -> None:
    name = "图" * 85
    made(home, tmp_path / name)
    restore_backup(tmp_path / name, tmp_path / "back" / name)
    assert os.listdir(tmp_path / "back") == [name]


def test_where_a_disk_is_mounted_is_told_before_anything_is_copied(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "disk")
    monkeypatch.setattr(making, "_copy_collection", None)
    with pytest.raises(WouldOverwrite, match="choose one inside"):
        made(home, tmp_path / "disk")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "home"]


def test_a_damaged_picture_is_told_and_the_rest_is_copied(home: Path, tmp_path: Path) -> None:
    first = next(LocalObjects(home / MADE / "objects").ids())
    broken(home / MADE / "objects" / first[:2] / first[2:])
    backup = made(home, tmp_path / "backup")
    (told,) = backup.damaged
    assert first in told
    assert backup.collections == {"named.lookalike": PICTURES, MADE: PICTURES}
    check_backup(tmp_path / "backup")


def test_damage_of_what_came_after_the_copy_began_is_told(home: Path, tmp_path: Path) -> None:
    with new_collection(home / MADE) as live:
        place = place_of(home)
        (one,) = [one for one in place.collections if one.name == MADE]
        came: list[str] = []

        class Late:
            exists, cursor = one.catalog.exists, one.catalog.cursor

            def copied(self, target: Path):
                came.append(live.add(png(60)))
                broken(home / MADE / "objects" / came[0][:2] / came[0][2:])
                return one.catalog.copied(target)

        place = replace(place, collections=(replace(one, catalog=Late()),))
        backup = make_backup(place, tmp_path / "backup", version="1.2.3")
    (told,) = backup.damaged
    assert came[0] in told
    assert check_backup(tmp_path / "backup").damaged == backup.damaged


def test_a_damaged_model_is_told(home: Path, tmp_path: Path) -> None:
    broken(home / MADE / "models" / f"{MODEL}.onnx")
    (told,) = made(home, tmp_path / "backup").damaged
    assert told.startswith(MADE)
    assert MODEL in told


KILLED = """
import sys, time
from pathlib import Path
from tests.unit.backup.test_backup import made

def wait(_):
    print("copies", flush=True)
    time.sleep(600)

made(Path(sys.argv[1]), Path(sys.argv[2]), meanwhile=wait)
"""


def test_what_a_killed_backup_has_left_is_deleted_by_the_next_and_that_is_told(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backups = tmp_path / "backups"
    foreign = backups / ".photos.0a0a0a0a.part"
    foreign.mkdir(parents=True)
    (foreign / "mine").touch()
    command = [sys.executable, "-c", KILLED, str(home), str(backups / "first")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "copies\n"
            (left,) = set(backups.iterdir()) - {foreign}
            made(home, backups / "second")
            assert set(backups.iterdir()) == {foreign, left, backups / "second"}  # for that one is under way
        finally:
            process.kill()
    assert left.is_dir()
    with caplog.at_level(logging.WARNING, logger="lookalike"):
        made(home, backups / "third")
    assert str(left) in caplog.text
    assert set(backups.iterdir()) == {foreign, backups / "second", backups / "third"}
    for name in ("second", "third"):
        check_backup(backups / name)


SWEEPS = """
import os, signal, sys
from pathlib import Path
from tests.unit.backup.test_backup import made

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

os.unlink = os.rmdir = killed
made(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("left", [[], ["UNFINISHED"], ["UNFINISHED", "whole/collections/made/keys.json"]], ids=len)
def test_what_is_left_is_deleted_too_when_its_deletion_was_cut_off(home: Path, tmp_path: Path, left: list[str]) -> None:
    part = tmp_path / "backups" / ".first.0a0a0a0a.part"
    for name in left or ["x"]:
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).touch()
    (part / "x").unlink(missing_ok=True)
    command = [sys.executable, "-c", SWEEPS, str(home), str(tmp_path / "backups" / "second")]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == -9
    made(home, tmp_path / "backups" / "third")
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["third"]


@pytest.mark.parametrize("at", [0, 8192 * 2])
def test_a_damaged_catalog_is_told_and_the_other_collections_are_copied(home: Path, tmp_path: Path, at: int) -> None:
    path = home / MADE / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    data[at : at + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    backup = made(home, tmp_path / "backup")
    assert backup.damaged
    assert all(line.startswith(MADE) for line in backup.damaged)
    assert backup.collections["named.lookalike"] == PICTURES
    check_backup(tmp_path / "backup")


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
@pytest.mark.parametrize("name", [MADE, "named.lookalike"])
def test_a_collection_that_has_lost_its_catalog_is_told_and_the_others_are_copied(
    home: Path, tmp_path: Path, name: str, lost: Callable[[Path], object]
) -> None:
    lost(home / name / "catalog.sqlite")
    (other,) = {MADE, "named.lookalike"} - {name}

    backup = made(home, tmp_path / "backup")

    (line,) = backup.damaged
    assert line.startswith(f"{name}: left out: ")
    assert "empty or gone" in line
    assert backup.collections == {other: PICTURES}
    assert check_backup(tmp_path / "backup").damaged == [line]
    assert not (tmp_path / "backup" / name).exists()


def test_a_full_disk_leaves_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Iterator[None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "copy_database", full)
    monkeypatch.setattr("lookalike.catalog.sqlite.copying.copy_database", full)
    with pytest.raises(StorageFailed, match="No space left"):
        made(home, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_a_collection_of_an_older_format_is_copied_as_it_is(home: Path, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    path = home / MADE / "catalog.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:  # what format 4 has added is taken away
        connection.execute("DROP TABLE forgotten")
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    backup = made(home, tmp_path / "backup")
    assert (backup.damaged, backup.collections[MADE]) == ([], PICTURES)
