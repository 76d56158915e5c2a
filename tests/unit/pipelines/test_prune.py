"""Pruning forgets what was deleted, and nothing that may only be out of sight."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.pipelines.ingest import IngestOptions, ingest
from lookalike.pipelines.ingest_report import IngestReport
from lookalike.pipelines.parts import Parts
from tests.collections import album, new_parts, write

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
        transaction.merge_metadata(dict.fromkeys(parts.catalog.known_ids(), LABEL))
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
        (_other_disk, "holds none of the files"),
        (_placeholder, "holds none of the files"),
        (_dead_link, "leads nowhere"),
        (_a_file, "is not there"),
    ],
)
def test_nothing_is_forgotten_below_a_folder_that_is_out_of_sight_unless_it_is_named(
    parts: Parts, top: Path, happens: Callable[[Path], None], why: str
) -> None:
    before = parts.catalog.known_ids()
    happens(top / "usb")

    report = run(parts, top, prune=True)

    assert before <= parts.catalog.known_ids()
    assert all(image.metadata == LABEL for image in parts.catalog.images(sorted(before)).values())
    (kept,) = report.kept
    assert (kept.path, kept.files, report.removed) == (str(top / "usb"), 3, 0)
    assert why in kept.reason

    report = run(parts, top, prune=True, forget=(top / "usb",))
    assert (report.kept, report.removed) == ([], 3)
    assert len(before & parts.catalog.known_ids()) == 1


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
    assert len(parts.catalog.known_ids()) == 4


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
