"""Folders of every shape are walked, each file once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import BadInput
from lookalike.core.paths import absolute, is_gone
from lookalike.images.candidates import PassedOverAs
from lookalike.images.walk import FoundFile, NotTaken, NotWalked, Unmatched, Walked, walk
from tests.unit.images.pictures import animation, encoded, scene


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def found(*paths: Path | str, **options: Any) -> list[str]:
    return [item.path for item in walk(paths, **options) if isinstance(item, FoundFile)]


def names(folder: Path, **options: Any) -> list[str]:
    return [os.path.relpath(path, folder) for path in found(folder, **options)]


def test_files_come_sorted_each_folder_before_those_within(tmp_path: Path) -> None:
    made(tmp_path, "b/2.jpg", "b/1.jpg", "z.jpg", "a/deep/3.png", "a/4.webp", "c.gif")

    assert names(tmp_path) == ["c.gif", "z.jpg", "a/4.webp", "a/deep/3.png", "b/1.jpg", "b/2.jpg"]


def test_only_names_like_pictures_are_taken_whatever_their_case(tmp_path: Path) -> None:
    made(tmp_path, "a.JPG", "b.txt", "c", "d.HeIc", "jpg", "e.jpg.part")

    assert names(tmp_path) == ["a.JPG", "d.HeIc"]


def test_hidden_ones_and_rubbish_of_systems_are_passed_over(tmp_path: Path) -> None:
    made(tmp_path, ".a.jpg", ".cache/b.jpg", "@eaDir/c.jpg", "#recycle/d.jpg", "x.lookalike/e.jpg", "kept/f.jpg")

    assert names(tmp_path) == ["kept/f.jpg"]


def test_a_hidden_folder_that_is_named_is_walked(tmp_path: Path) -> None:
    made(tmp_path, ".photos/a.jpg")

    assert found(tmp_path / ".photos") == [str(tmp_path / ".photos/a.jpg")]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["*.gif"], ["a.jpg", "raw/b.jpg"]),
        (["raw"], ["a.jpg", "c.gif"]),
        (["*/raw/*"], ["a.jpg", "c.gif"]),
        (["a.*", "c.*"], ["raw/b.jpg"]),
        (["A.JPG"], ["a.jpg", "c.gif", "raw/b.jpg"]),
    ],
)
def test_patterns_exclude_names_and_paths(tmp_path: Path, exclude: list[str], left: list[str]) -> None:
    made(tmp_path, "a.jpg", "c.gif", "raw/b.jpg")

    assert names(tmp_path, exclude=exclude) == left


PHOTOS = ("a.jpg", "thumbs/b.jpg", "2024/thumbs/c.jpg", "2024/d.gif", "2024/raw/e.jpg", "Mü/f.jpg")


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("thumbs", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("thumbs/", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("./thumbs", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("thumbs/*", ["thumbs/b.jpg"]),
        ("thumbs/**", ["thumbs/b.jpg"]),
        ("/thumbs", ["thumbs/b.jpg"]),
        ("**/thumbs", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("**/thumbs/**", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("*/thumbs/*", ["thumbs/b.jpg", "2024/thumbs/c.jpg"]),
        ("2024/thumbs", ["2024/thumbs/c.jpg"]),
        ("2024//./thumbs/", ["2024/thumbs/c.jpg"]),
        ("2024/**/*.jpg", ["2024/thumbs/c.jpg", "2024/raw/e.jpg"]),
        ("photos/thumbs", ["thumbs/b.jpg"]),
        ("../here/photos/thumbs", ["thumbs/b.jpg"]),
        ("{top}/thumbs", ["thumbs/b.jpg"]),
        ("{top}/thumbs/", ["thumbs/b.jpg"]),
        ("{top}/*/raw", ["2024/raw/e.jpg"]),
        ("~/photos/thumbs", ["thumbs/b.jpg"]),
        ("*.[gG][iI][fF]", ["2024/d.gif"]),
        ("[!a-e].jpg", ["Mü/f.jpg"]),
        ("M\N{LATIN SMALL LETTER U WITH DIAERESIS}", ["Mü/f.jpg"]),
        ("Mu\N{COMBINING DIAERESIS}/", ["Mü/f.jpg"]),
    ],
)
def test_patterns_are_understood_as_in_gitignore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, gone: list[str]
) -> None:
    top = made(tmp_path / "here/photos", *PHOTOS)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    pattern = pattern.replace("{top}", str(top))

    items = list(walk([top], exclude=[pattern]))

    left = {os.path.relpath(item.path, top) for item in items if isinstance(item, FoundFile)}
    assert set(PHOTOS) - left == set(gone)
    assert {item.reason for item in items if isinstance(item, NotTaken)} == {PassedOverAs.EXCLUDED}
    assert not [item for item in items if isinstance(item, Unmatched)]


def test_a_pattern_that_has_matched_nothing_is_told(tmp_path: Path) -> None:
    made(tmp_path, *PHOTOS)
    patterns = ["thumbs/", "a.jpg/", "tumbs", "*.GIF", "2024", "/nowhere/at/all", "thumbs/*"]

    items = list(walk([tmp_path], exclude=patterns))

    assert [item.pattern for item in items if isinstance(item, Unmatched)] == [
        "a.jpg/",
        "tumbs",
        "*.GIF",
        "/nowhere/at/all",
        "thumbs/*",
    ]
    with pytest.raises(BadInput, match="pattern"):
        list(walk([tmp_path], exclude=[""]))


def test_pictures_under_other_names_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    jpeg = encoded(scene(), "JPEG")
    contents = {
        "DSCF0001.MPO": jpeg,
        "photo.jpg_large": jpeg,
        "no_ending": jpeg,
        "download (1)": encoded(scene(), "PNG"),
        "img.php": encoded(scene(), "WEBP"),
        "moving.gif_": animation("GIF"),
        "scan": encoded(scene(), "TIFF"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    assert sorted(names(tmp_path)) == sorted(contents)


def test_what_is_passed_over_is_told_with_its_reason(tmp_path: Path) -> None:
    jpeg, tiff = encoded(scene(), "JPEG"), encoded(scene(), "TIFF")
    expected = {
        "DSC_1.NEF": (tiff, PassedOverAs.CAMERA_RAW),
        "new.rawer": (tiff, PassedOverAs.CAMERA_RAW),
        "a.jxl": (b"", PassedOverAs.JPEG_XL),
        "unnamed xl": (b"\xff\x0a....", PassedOverAs.JPEG_XL),
        "b.jp2": (b"", PassedOverAs.JPEG_2000),
        "c.psd": (b"", PassedOverAs.LAYERED),
        "d.svg": (b"", PassedOverAs.VECTOR),
        "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PassedOverAs.VECTOR),
        "e.jpg.part": (jpeg, PassedOverAs.UNFINISHED),
        "f.mp4": (jpeg, PassedOverAs.VIDEO),
        "g.txt": (b"words", PassedOverAs.OTHER),
        "Makefile": (b"words", PassedOverAs.OTHER),
        "nothing": (b"", PassedOverAs.OTHER),
        ".h.jpg": (jpeg, PassedOverAs.HIDDEN),
        ".cache": (None, PassedOverAs.HIDDEN),
        "@eaDir": (None, PassedOverAs.SYSTEM_FOLDER),
    }
    for name, (content, _) in expected.items():
        (tmp_path / name).mkdir() if content is None else (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")

    items = list(walk([tmp_path]))

    told = {os.path.basename(item.path): item.reason for item in items if isinstance(item, NotTaken)}
    assert told == {name: reason for name, (_, reason) in expected.items()} | {"pipe": PassedOverAs.UNREADABLE}
    assert found(tmp_path) == []


def test_known_files_are_taken_without_a_look_at_them(tmp_path: Path) -> None:
    made(tmp_path, "no_ending")

    assert found(tmp_path) == []
    assert found(tmp_path, known={str(tmp_path / "no_ending")}.intersection) == [str(tmp_path / "no_ending")]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    made(tmp_path, ".hidden.txt", "plain")

    assert found(tmp_path / ".hidden.txt", tmp_path / "plain", exclude=["plain"]) == [
        str(tmp_path / ".hidden.txt"),
        str(tmp_path / "plain"),
    ]


def test_a_folder_to_skip_is_not_entered_whatever_leads_to_it(tmp_path: Path) -> None:
    made(tmp_path, "own/a.jpg", "other/b.jpg")
    (tmp_path / "other/link").symlink_to(tmp_path / "own")

    assert names(tmp_path, skip_folders=[str(tmp_path / "own")]) == ["other/b.jpg"]
    assert found(tmp_path / "own", skip_folders=[str(tmp_path / "other/link")]) == []
    assert names(tmp_path, skip_folders=[str(tmp_path / "not there")]) != []


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    made(tmp_path, "in/a.jpg")
    made(tmp_path / "elsewhere", "b.jpg")
    (tmp_path / "in/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/file.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")

    assert names(tmp_path / "in") == ["a.jpg", "file.jpg", "other/b.jpg"]


def test_links_to_nowhere_and_to_themselves_are_given_to_be_refused(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    (tmp_path / "self").symlink_to(tmp_path / "self")

    assert list(walk([tmp_path])) == [
        FoundFile(str(tmp_path / "gone.jpg"), -1, -1),
        NotTaken(str(tmp_path / "self"), PassedOverAs.UNREADABLE),
        FoundFile(str(tmp_path / "self.jpg"), -1, -1),
    ]


def test_names_may_hold_newlines_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.jpg")
    made(tmp_path, "two\nlines.jpg", "🐱.jpg", "a/*.jpg")
    Path(tmp_path / name).write_bytes(b"x")

    assert sorted(names(tmp_path)) == sorted(["two\nlines.jpg", "🐱.jpg", "a/*.jpg", name])
    assert name not in names(tmp_path, exclude=["*\udcff*"])


def test_overlapping_folders_give_each_file_once(tmp_path: Path) -> None:
    made(tmp_path, "a/b/c.jpg", "a/d.jpg")

    everything = found(tmp_path, tmp_path / "a", tmp_path / "a/b/c.jpg", f"{tmp_path}/a/../a")

    assert sorted(everything) == [str(tmp_path / "a/b/c.jpg"), str(tmp_path / "a/d.jpg")]
    assert sorted(found(tmp_path / "a/b/c.jpg", tmp_path / "a/b", tmp_path)) == sorted(everything)


@pytest.mark.parametrize("path", ["nothing", "a.jpg/b", "zero\0byte", "x" * 5_000, ""])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    made(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadInput, match="expected"):
        found(path)


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "a/1.jpg", "locked/2.jpg", "z/3.jpg")
    real = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    items = list(walk([tmp_path]))

    assert [item.path.rpartition("/")[2] for item in items] == ["1.jpg", "locked", "3.jpg"]
    assert items[1] == NotWalked(str(tmp_path / "locked"), "the folder cannot be listed: Permission denied")


def test_a_folder_that_vanishes_during_the_walk_is_told(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "b/c.jpg")
    items: Iterator[Walked] = walk([tmp_path])
    next(items)
    (tmp_path / "b/c.jpg").unlink()
    (tmp_path / "b").rmdir()

    assert [type(item) for item in items] == [NotWalked]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(5, 1_234_567_890_123_456_789))

    assert list(walk([tmp_path])) == [FoundFile(str(tmp_path / "a.jpg"), 1, 1_234_567_890_123_456_789)]


def test_a_file_has_one_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    spellings: list[str | Path] = ["~/a.jpg", "a.jpg", "./b/../a.jpg", tmp_path / "a.jpg"]

    assert {absolute(path) for path in spellings} == {str(tmp_path / "a.jpg")}


def test_gone_is_only_what_is_known_to_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a.jpg")
    (tmp_path / "link.jpg").symlink_to("nowhere")

    assert [is_gone(str(tmp_path / name)) for name in ("a.jpg", "link.jpg", "b.jpg", "a.jpg/b")] == [
        False,
        False,
        True,
        True,
    ]

    def refuses(path: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refuses)
    assert not is_gone(str(tmp_path / "b.jpg"))
