"""Pruning forgets what was deleted, and nothing that may only be out of sight."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lookalike.core.errors import BadInput
from lookalike.ingest.devices import UNKNOWN, device_of
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.ingest_report import IngestReport
from lookalike.parts.parts import Parts
from tests.catalogs import known_ids
from tests.collections import album, new_parts, write
from tests.disks import mount, unmount

LABEL = {"label": "mine"}


@pytest.fixture
def parts() -> Parts:
    return new_parts()


@pytest.fixture
def top(tmp_path: Path, parts: Parts) -> Path:
    """A folder with one picture of its own, and three below `usb/trip`, with labels."""
    write(tmp_path / "top" / "own.png", 9)
    for n in range(3):
        write(tmp_path / "top" / "usb" / "trip" / f"{n}.png", n)
    run(parts, tmp_path / "top")
    with parts.catalog.transaction() as transaction:
        transaction.merge_metadata(dict.fromkeys(known_ids(parts.catalog), LABEL))
    return tmp_path / "top"


def run(parts: Parts, top: Path, *, prune: bool = False, forget: tuple[Path, ...] = ()) -> IngestReport:
    return ingest([top], parts, options=IngestOptions(prune=prune, forget=forget))


def _vanish(usb: Path) -> None:
    shutil.rmtree(usb)


def _empty(usb: Path) -> None:
    shutil.rmtree(usb)
    usb.mkdir()


def _other_disk(usb: Path) -> None:
    _empty(usb)
    write(usb / "trip" / "other.png", 77)


def _placeholder(usb: Path) -> None:
    _empty(usb)
    (usb / "NOT MOUNTED").touch()


def _dead_link(usb: Path) -> None:
    shutil.rmtree(usb)
    usb.symlink_to(usb.parent.parent / "nowhere")


def _a_file(usb: Path) -> None:
    shutil.rmtree(usb)
    usb.touch()


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (_vanish, "is not there"),
        (_empty, "is empty"),
        (_other_disk, "holds none of the pictures"),
        (_placeholder, "holds none of the pictures"),
        (_dead_link, "leads nowhere"),
        (_a_file, "is not there"),
    ],
)
def test_nothing_is_forgotten_below_a_folder_that_is_out_of_sight_unless_it_is_named(
    parts: Parts, top: Path, happens: Callable[[Path], None], why: str
) -> None:
    before = known_ids(parts.catalog)
    happens(top / "usb")

    for _ in range(2):  # what the first run takes in there does not vouch for what was there before
        report = run(parts, top, prune=True)

        assert before <= known_ids(parts.catalog)
        assert all(image.metadata == LABEL for image in parts.catalog.images(sorted(before)).values())
        (kept,) = report.kept
        assert (kept.path, kept.files, report.removed) == (str(top / "usb"), 3, 0)
        assert why in kept.reason

    report = run(parts, top, prune=True, forget=(top / "usb",))
    assert (report.kept, report.removed) == ([], 3)
    assert len(before & known_ids(parts.catalog)) == 1


@pytest.mark.parametrize("runs_between", [0, 2])
def test_other_pictures_of_the_same_names_vouch_for_nothing(parts: Parts, top: Path, runs_between: int) -> None:
    """As another card of a camera: its pictures are numbered likewise, and FAT bears no number of its own."""
    trip, away = top / "usb" / "trip", top.parent / "away"
    trip.rename(away)
    write(trip / "0.png", 70)
    write(trip / "new.png", 71)

    for _ in range(runs_between):
        run(parts, top)
    for _ in range(2):
        report = run(parts, top, prune=True)
        assert (report.removed, [(one.path, one.files) for one in report.kept]) == (0, [(str(top / "usb"), 2)])

    shutil.rmtree(trip)
    away.rename(trip)
    (trip / "1.png").unlink()
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (2, [])  # what only the other card holds, and what was deleted
    assert parts.catalog.out_of_sight() == {}


def test_a_link_that_leads_to_another_folder_of_the_same_disk_has_nothing_forgotten(parts: Parts, top: Path) -> None:
    (top / "usb").rename(top.parent / "first")
    (top / "usb").symlink_to("../first")
    run(parts, top)
    write(top.parent / "second" / "trip" / "0.png", 70)
    (top / "usb").unlink()
    (top / "usb").symlink_to("../second")

    for _ in range(2):
        report = run(parts, top, prune=True)
        assert (report.removed, [(one.path, one.files) for one in report.kept]) == (0, [(str(top / "usb"), 2)])

    report = run(parts, top, prune=True, forget=(top / "usb",))
    assert (report.removed, report.kept, parts.catalog.out_of_sight()) == (2, [], {})


def test_files_that_were_only_written_anew_vouch_for_those_beside_them(parts: Parts, top: Path) -> None:
    for n in (0, 1):
        os.utime(top / "usb" / "trip" / f"{n}.png", ns=(n, n))
    (top / "usb" / "trip" / "2.png").unlink()
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (1, [])


def test_of_a_folder_out_of_sight_little_is_remembered_whatever_it_held(parts: Parts, tmp_path: Path) -> None:
    N = 70
    top = tmp_path / "top"
    album(top / "usb", N)
    write(top / "own.png", 999)
    run(parts, top)
    (top / "usb").rename(tmp_path / "away")
    run(parts, top)
    (remembered,) = parts.catalog.out_of_sight().values()
    assert 0 < len(remembered) <= 32

    (tmp_path / "away").rename(top / "usb")
    for gone in sorted((top / "usb").iterdir())[: N // 2]:
        gone.unlink()
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept, parts.catalog.out_of_sight()) == (N // 2, [], {})


def test_what_comes_back_is_as_it_was(parts: Parts, top: Path) -> None:
    (top / "usb").rename(top.parent / "unplugged")
    assert run(parts, top, prune=True).kept
    (top.parent / "unplugged").rename(top / "usb")

    report = run(parts, top, prune=True)

    assert (report.unchanged, report.removed, report.kept) == (4, 0, [])


def test_a_folder_of_which_something_known_is_left_is_pruned(parts: Parts, top: Path) -> None:
    (top / "usb/trip/0.png").unlink()
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (1, [])


def test_pictures_beside_a_folder_that_is_still_seen_into_are_pruned(parts: Parts, top: Path) -> None:
    write(top / "usb" / "loose.png", 40)
    run(parts, top)
    (top / "usb" / "loose.png").unlink()
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (1, [])


def test_a_folder_that_was_renamed_is_moved_and_nothing_is_told(parts: Parts, top: Path) -> None:
    (top / "usb").rename(top / "journeys")
    report = run(parts, top, prune=True)
    assert (report.recognised, report.removed, report.kept) == (3, 0, [])
    assert len(known_ids(parts.catalog)) == 4


def test_an_empty_top_keeps_everything(parts: Parts, top: Path) -> None:
    shutil.rmtree(top)
    top.mkdir()
    report = run(parts, top, prune=True)
    assert [(one.path, one.files) for one in report.kept] == [(str(top), 4)]
    assert parts.catalog.facts().images == 4


def test_without_prune_nothing_is_told_or_forgotten(parts: Parts, top: Path) -> None:
    shutil.rmtree(top / "usb")
    report = run(parts, top)
    assert (report.kept, report.removed) == ([], 0)


@pytest.mark.parametrize("what", ["top", "top/own.png"])
def test_what_is_named_and_not_there_any_more_is_forgotten_by_name_alone(parts: Parts, top: Path, what: str) -> None:
    place = top.parent / what
    shutil.rmtree(top)
    files = len(list(parts.catalog.files())) if what == "top" else 1
    for options in (IngestOptions(prune=True), IngestOptions(prune=True, forget=(top / "usb",)), IngestOptions()):
        with pytest.raises(BadInput, match=r"--prune --forget" if options.prune else "cannot be read"):
            ingest([place], parts, options=options)

    report = ingest([place], parts, options=IngestOptions(prune=True, forget=(place,), dry_run=True))
    assert (report.removed, len(list(parts.catalog.files()))) == (files, 4)
    report = ingest([place], parts, options=IngestOptions(prune=True, forget=(place,)))

    assert (report.removed, report.kept, report.unmatched_forget) == (files, [], [])
    assert len(list(parts.catalog.files())) == 4 - files


def test_a_place_to_forget_where_nothing_is_missing_is_told(parts: Parts, top: Path) -> None:
    shutil.rmtree(top / "usb")
    report = run(parts, top, prune=True, forget=(top / "usb", top / "ubs", top))
    assert (report.removed, report.unmatched_forget) == (3, [str(top / "ubs")])
    assert run(parts, top, prune=True, forget=(top / "usb",)).unmatched_forget == [str(top / "usb")]


def test_a_name_that_only_begins_alike_forgets_nothing(parts: Parts, top: Path) -> None:
    album(top / "usb2", 2)
    run(parts, top)
    shutil.rmtree(top / "usb")
    shutil.rmtree(top / "usb2")
    report = run(parts, top, prune=True, forget=(top / "usb2",))
    assert [(one.path, one.files) for one in report.kept] == [(str(top / "usb"), 3)]


@pytest.mark.parametrize("holds", [(), ("inner.png",)], ids=["empty", "with a picture"])
def test_a_file_whose_name_a_folder_bears_now_is_gone(top: Path, parts: Parts, holds: tuple[str, ...]) -> None:
    replaced = top / "usb" / "trip" / "0.png"
    replaced.unlink()
    replaced.mkdir()
    for name in holds:
        write(replaced / name, 50)
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept, report.added) == (1, [], len(holds))


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Puts disks of their own in a place, by name, each as it was left; `''` is none."""
    if os.geteuid() != 0:
        pytest.skip("mounting disks needs root")
    mounted: list[Path] = []
    there: list[Path] = []

    def put(place: Path, name: str) -> None:
        for one in there:
            unmount(one)
        there.clear()
        if not name:
            return
        disk = tmp_path / f"disk {name}"
        if disk not in mounted:
            disk.mkdir()
            mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))
            mounted.append(disk)
            if device_of(str(disk)) == UNKNOWN:
                pytest.skip("this machine does not number its disks")
        place.mkdir(parents=True, exist_ok=True)
        mount("--bind", str(disk), str(place))
        there.append(place)

    yield put
    for one in [*there, *mounted]:
        unmount(one)


def test_another_disk_at_the_same_place_that_holds_some_of_the_names_has_nothing_forgotten(
    parts: Parts, tmp_path: Path, disks: Callable[[Path, str], None]
) -> None:
    top, usb = tmp_path / "top", tmp_path / "top" / "usb"
    write(top / "own.png", 9)
    disks(usb, "a")
    album(usb / "trip", 3)
    run(parts, top, prune=True)
    known = known_ids(parts.catalog)
    disks(usb, "b")
    album(usb / "trip", 1)
    write(usb / "new.png", 50)

    for _ in range(2):
        report = run(parts, top, prune=True)
        (kept,) = report.kept
        assert (report.removed, kept.path, kept.files) == (0, str(usb), 2)
        assert "lies on another disk" in kept.reason
        assert known < known_ids(parts.catalog)

    disks(usb, "a")
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (1, [])  # what only the other disk holds
    assert known_ids(parts.catalog) == known

    disks(usb, "b")
    report = run(parts, top, prune=True, forget=(usb,))
    assert (report.removed, report.kept) == (2, [])
    (usb / "new.png").unlink()
    report = run(parts, top, prune=True)  # the folder is complete there, and the disk the one that is known now
    assert (report.removed, report.kept) == (1, [])


def test_a_disk_that_is_put_over_a_folder_and_holds_some_of_the_names_has_nothing_forgotten(
    parts: Parts, top: Path, disks: Callable[[Path, str], None]
) -> None:
    disks(top / "usb", "a")
    write(top / "usb" / "trip" / "0.png", 0)
    report = run(parts, top, prune=True)
    assert (report.removed, [(one.path, one.files) for one in report.kept]) == (0, [(str(top / "usb"), 2)])
    disks(top / "usb", "")
    assert run(parts, top, prune=True).unchanged == 4


def test_a_link_that_leads_to_another_disk_now_has_nothing_forgotten(parts: Parts, tmp_path: Path) -> None:
    top, link = tmp_path / "top", tmp_path / "top" / "usb"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as other:
        if device_of(other) in (UNKNOWN, device_of(str(tmp_path))):
            pytest.skip("this machine has no second disk")
        album(tmp_path / "first", 3)
        album(Path(other), 1)
        top.mkdir()
        link.symlink_to(tmp_path / "first")
        run(parts, top)
        link.unlink()
        link.symlink_to(other)

        report = run(parts, top, prune=True)

    assert (report.removed, [(one.path, one.files) for one in report.kept]) == (0, [(str(link), 2)])


def test_a_disk_that_bears_another_number_after_each_mount_is_known_again_when_it_is_complete(
    parts: Parts, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def number(value: int) -> None:
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_fsid=value))

    number(7)
    assert run(parts, top).kept == []
    number(8)
    (top / "usb/trip/0.png").unlink()
    assert [one.path for one in run(parts, top, prune=True).kept] == [str(top)]
    assert run(parts, top, prune=True, forget=(top / "usb/trip/0.png",)).removed == 1

    number(9)
    assert run(parts, top, prune=True).kept == []
    (top / "usb/trip/1.png").unlink()
    assert run(parts, top, prune=True).removed == 1


def test_a_collection_that_remembers_no_device_is_pruned_as_before(parts: Parts, top: Path) -> None:
    with parts.catalog.transaction() as transaction:
        transaction.put_devices({})
    (top / "usb/trip/0.png").unlink()
    assert run(parts, top).kept == []
    assert parts.catalog.devices() == {}  # which disk held the picture that is missing, nobody knows
    report = run(parts, top, prune=True)
    assert (report.removed, report.kept) == (1, [])
    assert parts.catalog.devices() == {str(top): device_of(str(top))}


def test_a_dry_run_says_what_would_be_kept_and_remembers_nothing(
    parts: Parts, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = parts.catalog.devices()
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_fsid=12345))
    (top / "usb/trip/0.png").unlink()
    report = ingest([top], parts, options=IngestOptions(prune=True, dry_run=True))
    assert (report.removed, [one.path for one in report.kept]) == (0, [str(top)])
    assert parts.catalog.devices() == before


def test_a_folder_that_cannot_be_listed_is_not_taken_for_complete(
    parts: Parts, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = parts.catalog.devices()
    listed = os.scandir

    def scandir(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder == str(top / "usb" / "trip"):
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_fsid=12345))
    monkeypatch.setattr(os, "scandir", scandir)
    assert run(parts, top, prune=True).removed == 0
    assert parts.catalog.devices() == before
