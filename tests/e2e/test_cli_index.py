"""`lookalike index`: counts, refusals, dry runs, tables of metadata."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from PIL import Image

import lookalike
from lookalike.ingest.devices import UNKNOWN, device_of
from tests.e2e.conftest import PICTURES, Album, Command

KEYS = {
    "added", "recognised", "unchanged", "updated", "removed", "failed", "seconds", "photos_per_second", "dry_run",
    "kept", "cut_short", "passed_over", "unmatched_patterns", "unmatched_forget", "labels_returned", "without_date"
}  # fmt: skip


@pytest.fixture
def photos(album: Album, tmp_path: Path) -> Path:
    """Three pictures, a copy of one, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.jpg").write_bytes((album.photos / f"{n}.jpg").read_bytes())
    (folder / "copy.jpg").write_bytes((folder / "0.jpg").read_bytes())
    (folder / "bro\nken.jpg").write_text("no picture")
    return folder


def test_json_ends_with_what_was_done_and_what_was_refused(command: Command, photos: Path, tmp_path: Path) -> None:
    outcome = command("index", photos, "-c", tmp_path / "new", "--json")
    report = json.loads(outcome.stdout)
    assert outcome.code == 3
    assert set(report) == KEYS
    assert (report["added"], report["recognised"], report["unchanged"]) == (3, 1, 0)
    assert [(one["path"], one["code"]) for one in report["failed"]] == [(str(photos / "bro\nken.jpg"), "not_an_image")]
    assert report["photos_per_second"] > 0


def test_a_picture_that_lacks_only_its_end_is_taken_in_and_named(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "1.jpg").write_bytes((photos / "1.jpg").read_bytes()[:-2])
    (photos / "2.jpg").write_bytes((photos / "2.jpg").read_bytes()[:-40])
    outcome = command("index", photos, "-c", tmp_path / "new", "--json")
    report = json.loads(outcome.stdout)
    assert (report["added"], report["cut_short"]) == (2, [str(photos / "1.jpg")])
    assert {one["path"]: one["code"] for one in report["failed"]}[str(photos / "2.jpg")] == "truncated"
    assert f"only the end marker is missing: 1 file.\n  {photos / '1.jpg'}\n" in outcome.stderr


def test_people_read_a_summary_on_stderr_and_stdout_stays_empty(command: Command, photos: Path, tmp_path: Path) -> None:
    outcome = command("index", photos, "-c", tmp_path / "new")
    assert outcome.stdout == b""
    assert "Done: 3 added, 1 recognised, in" in outcome.stderr
    assert "Refused 1 file:" in outcome.stderr
    assert r"bro\nken.jpg: " in outcome.stderr
    assert "(not_an_image)" in outcome.stderr


def test_a_second_run_has_nothing_to_do(command: Command, album: Album) -> None:
    outcome = command("index", album.photos, "-c", album.collection)
    assert outcome.code == 0
    assert f"{PICTURES} unchanged" in outcome.stderr


def test_quiet_says_nothing_and_the_exit_code_tells(command: Command, photos: Path, tmp_path: Path) -> None:
    assert command("index", photos, "-c", tmp_path / "new", "-q") == (3, b"", "")


def test_a_dry_run_leaves_nothing_behind(command: Command, photos: Path, tmp_path: Path) -> None:
    outcome = command("index", photos, "-c", tmp_path / "new", "--dry-run", "--json")
    report = json.loads(outcome.stdout)
    assert report["dry_run"]
    assert report["added"] == 5
    assert "Nothing was done" in outcome.stderr
    assert not (tmp_path / "new").exists()


def test_prune_forgets_what_is_gone_and_exclude_passes_over(command: Command, photos: Path, tmp_path: Path) -> None:
    command("index", photos, "-c", tmp_path / "new", "--exclude", "copy*", "--exclude", "bro*")
    (photos / "0.jpg").unlink()
    (photos / "copy.jpg").unlink()
    report = json.loads(command("index", photos, "-c", tmp_path / "new", "--prune", "--json").stdout)
    assert (report["removed"], report["unchanged"], len(report["failed"])) == (1, 2, 1)


def test_prune_keeps_what_lay_on_another_disk_and_says_how_to_forget_it(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    top, where = tmp_path / "top", ("-c", tmp_path / "new", "--exclude", "bro*")
    link = top / "usb"
    top.mkdir()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as other:
        if device_of(other) in (UNKNOWN, device_of(str(tmp_path))):
            pytest.skip("this machine has no second disk")
        shutil.copy(photos / "0.jpg", other)
        link.symlink_to(photos)
        assert command("index", top, *where).code == 0
        link.unlink()
        link.symlink_to(other)

        outcome = command("index", top, *where, "--prune", "--json")
        report = json.loads(outcome.stdout)
        assert (outcome.code, report["removed"]) == (3, 0)
        ((path, files, reason),) = [one.values() for one in report["kept"]]
        assert (path, files, "another disk" in reason) == (str(link), 3, True)
        advice = f"--prune --forget {link}"
        assert advice in outcome.stderr

        outcome = command("index", top, *where, *advice.split(), "--json")
    assert (outcome.code, json.loads(outcome.stdout)["removed"]) == (0, 3)


def test_refused_files_are_read_again_when_asked(command: Command, photos: Path, tmp_path: Path) -> None:
    command("index", photos, "-c", tmp_path / "new", "-q")
    outcome = command("index", photos, "-c", tmp_path / "new", "--retry-refused")
    assert outcome.code == 3


def test_a_path_that_is_not_there_is_bad_data(command: Command, tmp_path: Path) -> None:
    outcome = command("index", tmp_path / "nowhere", "-c", tmp_path / "new")
    assert outcome.code == 65
    assert "nowhere" in outcome.stderr


def test_a_table_of_metadata_is_laid_over_the_pictures(command: Command, album: Album, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n1.jpg,red\n2.jpg,blue\nmissing.jpg,green\n")
    outcome = command("index", album.photos, "-c", album.collection, "--metadata", table, "--json")
    report = json.loads(outcome.stdout)
    assert outcome.code == 3
    assert (report["metadata"]["matched"], report["metadata"]["changed"]) == (2, 2)
    assert [row["name"] for row in report["metadata"]["unused"]] == ["missing.jpg"]
    assert "row 4, missing.jpg" in outcome.stderr
    found = command("search", album.photos / "0.jpg", "-c", album.collection, "--where", "label = red", "--paths-only")
    assert found.text == f"{album.photos / '1.jpg'}\n"


def test_labels_of_removed_pictures_return_and_it_is_told(command: Command, album: Album, tmp_path: Path) -> None:
    table, where = tmp_path / "labels.csv", ("-c", album.collection)
    table.write_text("path,label\n1.jpg,red\n2.jpg,blue\n")
    command("index", album.photos, *where, "--metadata", table)
    one, two = album.photos / "1.jpg", album.photos / "2.jpg"
    assert "forgotten" not in command("info", *where).text
    assert command("remove", one, two, *where).code == 0
    assert "metadata of 2 removed pictures is kept" in command("info", *where).text
    assert json.loads(command("info", *where, "--json").stdout)["forgotten"] == 2

    told = command("index", album.photos, *where)
    assert "Labels returned with 2 pictures." in told.stderr
    assert command("remove", one, *where).code == 0
    report = json.loads(command("index", album.photos, *where, "--json").stdout)
    assert report["labels_returned"] == 1

    assert command("remove", one, two, "--forever", *where).code == 0
    report = json.loads(command("index", album.photos, *where, "--json").stdout)
    assert report["labels_returned"] == 0


def test_paths_of_a_table_are_relative_to_the_root_that_is_named(
    command: Command, album: Album, tmp_path: Path
) -> None:
    table = tmp_path / "labels.jsonl"
    table.write_text(json.dumps({"path": f"{album.photos.name}/1.jpg", "stars": 5}) + "\n")
    arguments = ["--metadata", str(table), "--metadata-root", str(album.photos.parent)]
    assert command("index", album.photos, "-c", album.collection, *arguments).code == 0
    with lookalike.open(album.collection) as collection:
        assert collection.count(where="stars > 4") == 1


def test_a_table_that_cannot_be_read_stops_before_anything_is_done(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    outcome = command("index", photos, "-c", tmp_path / "new", "--metadata", tmp_path / "none.csv")
    assert outcome.code == 65
    assert not (tmp_path / "new").exists()


def test_names_that_are_not_utf_8_survive_json(command: Command, album: Album, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9.jpg")
    (folder / name).write_text("no picture")
    report = json.loads(command("index", folder, "-c", tmp_path / "new", "--json").stdout)
    assert [one["path"] for one in report["failed"]] == [str(folder / name)]


def test_what_is_passed_over_is_told_to_people_and_to_programs(command: Command, photos: Path, tmp_path: Path) -> None:
    for name in ("a.NEF", "b.CR2", "c.jxl", "notes.txt"):
        (photos / name).write_text("x")
    (photos / "d.jpg_large").write_bytes((photos / "2.jpg").read_bytes())
    arguments = ["index", photos, "-c", str(tmp_path / "new"), "--exclude", "copy*", "--exclude", "tumbs/"]
    outcome = command(*arguments, "--json")
    report = json.loads(outcome.stdout)
    assert (report["added"], report["recognised"]) == (3, 1)
    assert report["passed_over"]["total"] == 5
    assert report["passed_over"]["by_reason"] == {"camera_raw": 2, "jpeg_xl": 1, "other": 1, "excluded": 1}
    assert report["passed_over"]["examples"]["jpeg_xl"] == [str(photos / "c.jxl")]
    assert report["unmatched_patterns"] == ["tumbs/"]
    assert "Passed over 5: 2 camera raw (a.NEF, b.CR2)" in outcome.stderr
    assert "1 other file (notes.txt)" in outcome.stderr
    assert "Nothing matched --exclude tumbs/" in outcome.stderr


def test_a_folder_of_pictures_that_cannot_be_used_is_no_success(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.NEF").write_text("x")
    outcome = command("index", folder, "-c", tmp_path / "new", "--dry-run")
    assert outcome.code == 3
    assert "None of the pictures there can be used" in outcome.stderr
    (folder / "a.NEF").rename(folder / "a.txt")
    assert command("index", folder, "-c", tmp_path / "new", "--dry-run").code == 0


@pytest.mark.parametrize("known", [False, True], ids=["new pictures", "known ones"])
def test_pictures_whose_metadata_are_changed_are_counted(
    command: Command, photos: Path, tmp_path: Path, known: bool
) -> None:
    (photos / "bro\nken.jpg").unlink()
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n0.jpg,cat\n1.jpg,dog\n2.jpg,cow\n")
    place = ["-c", str(tmp_path / "new")]
    if known:
        command("index", photos, *place, "-q")
    arguments = ["index", photos, *place, "--metadata", str(table), "--metadata-root", str(photos)]
    outcome = command(*arguments, "--json")
    labels = json.loads(outcome.stdout)["metadata"]
    assert (outcome.code, labels["matched"], labels["changed"], labels["updated"]) == (0, 3, 3, 3)
    assert "3 pictures changed" in outcome.stderr
    again = json.loads(command(*arguments, "--json").stdout)["metadata"]
    assert (again["matched"], again["changed"]) == (3, 0)


def test_pictures_without_a_date_are_told_everywhere(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "bro\nken.jpg").unlink()
    exif = Image.Exif()
    exif[0x0132] = "2024:05:01 12:00:00"
    Image.open(photos / "2.jpg").rotate(20).save(photos / "dated.jpg", exif=exif)
    place = ["-c", str(tmp_path / "new")]
    outcome = command("index", photos, *place, "--json")
    assert json.loads(outcome.stdout)["without_date"] == 3
    assert "Without a date: 3 pictures" in outcome.stderr
    assert json.loads(command("info", *place, "--json").stdout)["without_date"] == 3
    asked = ["search", photos / "0.jpg", *place, "--json", "--where"]
    outcome = command(*asked, "taken_at = 2024-05")
    answer = json.loads(outcome.stdout)
    assert ([hit["path"] for hit in answer["hits"]], answer["without_date"]) == ([str(photos / "dated.jpg")], 3)
    assert "Left out for having no date: 3 pictures." in outcome.stderr
    for other in ("width > 1", "taken_at not exists"):
        outcome = command(*asked, other)
        assert json.loads(outcome.stdout)["without_date"] is None
        assert "no date" not in outcome.stderr


def test_a_field_that_no_picture_has_is_an_error_which_lists_the_fields(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "bro\nken.jpg").unlink()
    table = tmp_path / "labels.csv"
    table.write_text("path,colour,stars\n0.jpg,red,3\n")
    place = ["-c", str(tmp_path / "new")]
    command("index", photos, *place, "--metadata", table, "--metadata-root", photos)
    for asked, meant in (("color = red", "colour"), ("taken > 2020", "taken_at"), ("Stars > 2", "stars")):
        outcome = command("search", photos / "0.jpg", *place, "--where", asked)
        assert (outcome.code, outcome.stdout) == (65, b"")
        assert f"Did you mean {meant}?" in outcome.stderr
        assert "id, path, folder, name, taken_at" in outcome.stderr
        assert "colour, stars" in outcome.stderr
    for asked, code in (("colour = blue", 0), ("size_of_shoe not exists", 0), ("metadata.colour = red", 0)):
        assert command("search", photos / "0.jpg", *place, "--where", asked).code == code


def test_a_limit_that_refuses_says_how_it_is_raised_and_can_be(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "bro\nken.jpg").unlink()
    arguments = ["index", photos, "-c", str(tmp_path / "new"), "--retry-refused"]
    monkeypatch.setenv("LOOKALIKE_MAX_PIXELS", "100")
    outcome = command(*arguments)
    assert outcome.code == 3
    raised = "raise max_pixels (with --max-pixels, LOOKALIKE_MAX_PIXELS or in lookalike.toml)"
    assert raised in outcome.stderr
    assert "--retry-refused" in outcome.stderr.splitlines()[-1]
    assert command(*arguments, "--max-pixels", "1000000").code == 0
    outcome = command("search", photos / "0.jpg", "-c", tmp_path / "new")
    assert outcome.code == 65
    assert raised in outcome.stderr
    assert "--retry-refused" not in outcome.stderr
    assert command("search", photos / "0.jpg", "-c", tmp_path / "new", "--max-pixels", "1000000").code == 0
    monkeypatch.setenv("LOOKALIKE_MAX_PIXELS", "1000000")
    assert command("search", photos / "0.jpg", "-c", tmp_path / "new").code == 0


def test_an_engine_that_is_none_is_told_before_anything_is_taken_in(
    command: Command, photos: Path, album: Album, tmp_path: Path
) -> None:
    place = ["-c", tmp_path / "new"]
    exported = tmp_path / "all.jsonl"
    assert command("export", exported, "-c", album.collection).code == 0
    for arguments in (["index", photos], ["import", exported], ["index", photos, "--dry-run"]):
        outcome = command(*arguments, *place, "--engine", "IVF4,Nonsense")
        assert (outcome.code, outcome.stdout) == (65, b"")
        assert "expected a factory string that FAISS understands, got 'IVF4,Nonsense'" in outcome.stderr
        assert json.loads(command("info", *place, "--json").stdout)["images"] == 0


@pytest.mark.parametrize(
    ("option", "least", "most"),
    [
        ("--max-pixels", "100", "1_000_000"),
        ("--max-side", "10", "1000"),
        ("--max-bytes", "100", "1M"),
        ("--max-decode-bytes", "100", "1G"),
    ],
)
def test_each_limit_is_an_option(
    command: Command, album: Album, tmp_path: Path, option: str, least: str, most: str
) -> None:
    Image.open(album.photos / "0.jpg").save(tmp_path / "0.png")
    arguments = ["index", tmp_path / "0.png", "-c", tmp_path / "new", "--retry-refused"]
    outcome = command(*arguments, option, least)
    assert outcome.code == 3
    assert f"with {option}, LOOKALIKE_{option[2:].replace('-', '_').upper()}" in outcome.stderr
    assert command(*arguments, option, most).code == 0
    outcome = command(*arguments, option, "plenty")
    assert outcome.code == 65
    assert "'plenty'" in outcome.stderr
