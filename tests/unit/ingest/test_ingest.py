"""Folders go in: everything is counted, recognised, forgotten and acknowledged as it was promised."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import BadInput, Interrupted, StorageFailed
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, Metadata
from lookalike.embedding import files as embed_files
from lookalike.ingest.add import add_bytes
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.ingest_report import IngestReport
from lookalike.parts.parts import Parts
from tests.catalogs import known_ids
from tests.collections import CountingEmbedder, album, new_parts, picture, png, touch, write, write_bytes


@pytest.fixture
def parts() -> Parts:
    return new_parts()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def run(
    parts: Parts,
    *paths: Path,
    metadata: dict[str, Metadata] | None = None,
    progress: Any = None,
    acknowledge: Any = None,
    **options: Any,
) -> IngestReport:
    return ingest(
        paths, parts, options=IngestOptions(**options), metadata=metadata, progress=progress, acknowledge=acknowledge
    )


def counts(report: IngestReport) -> dict[str, int]:
    """What is not zero."""
    named = {name: getattr(report, name) for name in ("added", "recognised", "unchanged", "updated", "removed")} | {
        "failed": len(report.failed)
    }
    assert report.done == report.total, "every file that was found is counted once"
    return {name: count for name, count in named.items() if count}


def places(parts: Parts) -> dict[str, str]:
    """Id by name of file; every file's picture is there, and in memory nothing else is."""
    files = {os.path.basename(file.path): file.image_id for file in parts.catalog.files()}
    assert set(files.values()) == known_ids(parts.catalog)
    return files


def read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_file(path: str, **_: object) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(embed_files, "read_file", read_file)


def test_new_pictures_are_added_and_the_second_run_reads_nothing(
    parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(photos, 10)

    assert counts(run(parts, photos)) == {"added": 10}
    assert len(places(parts)) == 10

    read_nothing(monkeypatch)
    assert counts(run(parts, photos)) == {"unchanged": 10}


def test_a_touched_file_is_read_but_not_embedded_again(
    parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = album(photos)
    run(parts, photos)
    cursor = parts.catalog.cursor()
    touch(first, 5_000_000_000)

    assert counts(run(parts, photos)) == {"unchanged": 3}
    assert parts.catalog.cursor() == cursor
    read_nothing(monkeypatch)
    assert counts(run(parts, photos)) == {"unchanged": 3}


def test_a_file_with_other_content_replaces_its_picture(parts: Parts, photos: Path) -> None:
    album(photos)
    run(parts, photos)
    before = places(parts)
    write(photos / "1.png", 77)

    assert counts(run(parts, photos)) == {"unchanged": 2, "updated": 1}
    after = places(parts)
    assert before["1.png"] not in after.values()
    assert {**after, "1.png": ""} == {**before, "1.png": ""}


def test_a_picture_stays_as_long_as_another_file_holds_it(parts: Parts, photos: Path) -> None:
    write(photos / "a.png", 1)
    write(photos / "b.png", 1)
    run(parts, photos)
    write(photos / "a.png", 2)

    assert counts(run(parts, photos)) == {"unchanged": 1, "updated": 1}
    assert len(set(places(parts).values())) == 2


def test_a_renamed_file_is_recognised_and_its_old_name_forgotten(parts: Parts, photos: Path) -> None:
    album(photos)
    run(parts, photos)
    before = places(parts)
    (photos / "1.png").rename(photos / "new.png")

    assert counts(run(parts, photos)) == {"unchanged": 2, "recognised": 1}
    after = places(parts)
    assert after.pop("new.png") == before.pop("1.png")
    assert after == before


def test_a_file_renamed_over_another_leaves_no_trace_of_its_old_name(parts: Parts, photos: Path) -> None:
    album(photos)
    run(parts, photos)
    (photos / "1.png").replace(photos / "0.png")

    assert counts(run(parts, photos)) == {"unchanged": 1, "updated": 1}
    assert set(places(parts)) == {"0.png", "2.png"}


def test_a_renamed_folder_is_recognised(parts: Parts, photos: Path) -> None:
    album(photos / "old", 6)
    run(parts, photos)
    (photos / "old").rename(photos / "new")

    assert counts(run(parts, photos, prune=True)) == {"recognised": 6}
    assert {os.path.dirname(file.path) for file in parts.catalog.files()} == {str(photos / "new")}


def test_exchanged_names_are_told_apart(parts: Parts, photos: Path) -> None:
    album(photos, 2)
    run(parts, photos)
    before = places(parts)
    write(photos / "0.png", 1)
    write(photos / "1.png", 0)

    assert counts(run(parts, photos)) == {"updated": 2}
    assert places(parts) == {"0.png": before["1.png"], "1.png": before["0.png"]}


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("commit_after", [1, 2, 5])
def test_renumbered_files_lose_nothing_however_commits_fall(
    photos: Path, monkeypatch: pytest.MonkeyPatch, step: int, commit_after: int
) -> None:
    N = 9
    parts = new_parts()
    for n in range(N):
        write(photos / f"{n}.png", 10 + n)
    run(parts, photos)
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", commit_after)
    for n in range(N):
        write(photos / f"{n}.png", 10 + n + step)  # each file holds what its neighbour held

    assert counts(run(parts, photos)) == {"updated": N}
    assert len(set(places(parts).values())) == N
    assert counts(run(parts, photos)) == {"unchanged": N}


def test_copies_are_recognised_and_embedded_once(photos: Path) -> None:
    embedder = CountingEmbedder(lambda _: time.sleep(0.005))
    parts = new_parts(embedder=embedder)
    for n in range(60):
        write(photos / f"{n}.png", n % 3)

    assert counts(run(parts, photos, threads=8)) == {"added": 3, "recognised": 57}
    assert embedder.pictures == 3
    assert counts(run(parts, write(photos.parent / "copy.png", 0), threads=8)) == {"recognised": 1}
    assert embedder.pictures == 3


def test_identical_broken_files_are_each_refused(parts: Parts, photos: Path) -> None:
    for n in range(20):
        write_bytes(photos / f"{n}.png", png(1)[:40])

    report = run(parts, photos, threads=8)

    assert counts(report) == {"failed": 20}
    assert {failure.code for failure in report.failed} == {"truncated"}
    assert all(failure.path.endswith(".png") and "\n" not in failure.reason for failure in report.failed)


def test_refused_files_are_read_again_only_when_they_change_or_that_is_asked_for(
    parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = write_bytes(photos / "broken.png", png(1)[:40])
    write(photos / "fine.png", 2)
    first = run(parts, photos)

    with monkeypatch.context() as patched:
        read_nothing(patched)
        again = run(parts, photos)
    assert counts(again) == {"unchanged": 1, "failed": 1}
    assert again.failed == first.failed

    assert counts(run(parts, photos, retry_refused=True)) == {"unchanged": 1, "failed": 1}
    write(broken, 1)
    assert counts(run(parts, photos)) == {"unchanged": 1, "added": 1}
    assert parts.catalog.facts().refused == 0


def test_a_known_file_that_breaks_loses_its_picture(parts: Parts, photos: Path) -> None:
    album(photos)
    run(parts, photos)
    write_bytes(photos / "1.png", b"no picture")

    report = run(parts, photos, metadata={str(photos / "1.png"): {"label": "x"}})

    assert counts(report) == {"unchanged": 2, "removed": 1, "failed": 1}  # told, not only refused
    assert set(places(parts)) == {"0.png", "2.png"}
    assert counts(run(parts, photos)) == {"unchanged": 2, "failed": 1}


def test_labels_of_a_file_that_broke_do_not_reach_the_copy_that_it_was(parts: Parts, photos: Path) -> None:
    write(photos / "a.png", 1)
    write(photos / "b.png", 1)
    run(parts, photos)
    write_bytes(photos / "a.png", b"no picture")

    run(parts, photos, metadata={str(photos / "a.png"): {"label": "x"}})

    (image,) = parts.catalog.images(list(known_ids(parts.catalog))).values()
    assert image.metadata == {}


@pytest.mark.parametrize("code", ["unreadable", "vanished", "changed", "not_a_file", "needs_extra"])
def test_what_may_pass_by_itself_is_not_remembered_and_loses_nothing(
    parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    from lookalike.core.errors import ImageRefused

    album(photos)
    run(parts, photos)
    before = places(parts)
    touch(photos / "1.png", 5_000_000_000)
    write(photos / "new.png", 9)

    def read_file(path: str, **_: object) -> None:
        raise ImageRefused("not now", code=code)

    with monkeypatch.context() as patched:
        patched.setattr(embed_files, "read_file", read_file)
        assert counts(run(parts, photos)) == {"unchanged": 2, "failed": 2}
    assert places(parts) == before
    assert parts.catalog.facts().refused == 0
    assert counts(run(parts, photos)) == {"unchanged": 3, "added": 1}


def test_files_that_change_or_vanish_during_the_run_are_taken_as_they_are_read(photos: Path) -> None:
    album(photos, 8)

    def meddle(pictures: int) -> None:
        if pictures == 0:
            write(photos / "6.png", 66)
            (photos / "7.png").unlink()

    parts = new_parts(embedder=CountingEmbedder(meddle))

    report = run(parts, photos, threads=1)

    assert counts(report) == {"added": 7, "failed": 1}
    assert report.failed[0].code == "vanished"
    assert counts(run(parts, photos, prune=True)) == {"unchanged": 7}


def test_a_file_that_appears_broken_behind_a_link_is_remembered_by_its_true_size(parts: Parts, photos: Path) -> None:
    (photos / "link.png").symlink_to(photos / "target")

    assert [failure.code for failure in run(parts, photos).failed] == ["vanished"]
    write_bytes(photos / "target", b"no picture")
    assert [failure.code for failure in run(parts, photos).failed] == ["not_an_image"]
    assert [one.size_bytes for one in parts.catalog.refused()] == [10]


def test_prune_forgets_what_is_gone_below_the_folders_that_are_named(parts: Parts, photos: Path) -> None:
    album(photos / "in")
    album(photos / "in2", 1)
    write(photos / "out/0.png", 50)
    write_bytes(photos / "in/broken.png", b"x")
    run(parts, photos)
    for name in ("in/1.png", "in/broken.png", "in2/0.png", "out/0.png"):
        (photos / name).unlink()

    assert counts(run(parts, photos / "in")) == {"unchanged": 2}
    report = run(parts, photos / "in", prune=True)

    assert counts(report) == {"unchanged": 2, "removed": 1}
    left = {os.path.relpath(file.path, photos) for file in parts.catalog.files()}
    assert left == {"in/0.png", "in/2.png", "in2/0.png", "out/0.png"}
    assert parts.catalog.facts().refused == 0
    assert len(known_ids(parts.catalog)) == 3


def test_a_pruned_picture_that_was_added_as_bytes_stays(parts: Parts, photos: Path) -> None:
    album(photos, 2)
    run(parts, photos)
    image_id = add_bytes(png(0), parts, metadata={})
    (photos / "0.png").unlink()

    assert counts(run(parts, photos, prune=True)) == {"unchanged": 1, "removed": 1}
    assert image_id in known_ids(parts.catalog)


def test_prune_keeps_what_is_only_excluded_or_cannot_be_listed(
    parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(photos / "locked")
    album(photos / "excluded")
    write(photos / "0.png", 9)
    run(parts, photos)
    before = parts.catalog.facts()
    real = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr("lookalike.ingest.lost_files.is_gone", lambda path: "excluded" not in path)

    report = run(parts, photos, prune=True, exclude=["excluded"])

    assert counts(report) == {"unchanged": 1, "failed": 1}
    assert report.failed[0].path == str(photos / "locked")
    assert parts.catalog.facts() == before


def test_a_folder_that_is_not_there_is_refused_before_anything_is_done(parts: Parts, photos: Path) -> None:
    album(photos)
    with pytest.raises(BadInput, match="nothing"):
        run(parts, photos, photos / "nothing", prune=True)
    assert parts.catalog.facts().images == 0


def test_a_dry_run_foresees_and_changes_nothing(parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album(photos, 5)
    run(parts, photos)
    write(photos / "1.png", 60)
    (photos / "2.png").unlink()
    write(photos / "new.png", 61)
    before = (parts.catalog.facts(), sorted(parts.catalog.files(), key=str))
    expected = {"added": 1, "unchanged": 3, "updated": 1, "removed": 1}

    with monkeypatch.context() as patched:
        read_nothing(patched)
        foreseen = run(parts, photos, prune=True, dry_run=True, metadata={str(photos / "0.png"): {"a": 1}})
    assert counts(foreseen) == expected
    assert foreseen.dry_run
    assert (parts.catalog.facts(), sorted(parts.catalog.files(), key=str)) == before
    assert counts(run(parts, photos, prune=True)) == expected


def test_metadata_reaches_new_unchanged_and_recognised_files(parts: Parts, photos: Path) -> None:
    album(photos, 2)
    run(parts, photos, metadata={str(photos / "0.png"): {"label": "a", "n": 1}})
    ids = places(parts)
    cursor = parts.catalog.cursor()

    run(parts, photos, metadata={str(photos / "0.png"): {"label": "a"}})
    assert parts.catalog.cursor() == cursor, "what is so already is not written"

    (photos / "1.png").rename(photos / "renamed.png")
    run(
        parts,
        photos,
        metadata={
            str(photos / "0.png"): {"label": "b", "n": None},
            str(photos / "renamed.png"): {"label": "c"},
            str(photos / "unknown.png"): {"label": "d"},
        },
    )
    images = parts.catalog.images(list(ids.values()))
    assert images[ids["0.png"]].metadata == {"label": "b"}
    assert images[ids["1.png"]].metadata == {"label": "c"}


def test_progress_only_grows_and_ends_complete(parts: Parts, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 4)
    album(photos, 11)
    write_bytes(photos / "broken.png", b"x")
    run(parts, photos / "broken.png")
    told: list[tuple[int, int, float]] = []

    report = run(parts, photos, progress=lambda r: told.append((r.done, r.total, r.seconds)))

    assert told == sorted(told)
    assert {total for _, total, _ in told} == {12}
    assert told[0][0] == 1
    assert told[-1] == (12, 12, report.seconds)
    assert len(told) >= 4
    assert report.photos_per_second > 0


def test_a_file_is_acknowledged_once_it_is_durable(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 3)
    album(photos, 10)
    parts = new_parts(tmp_path / "c")
    acknowledged: list[str] = []

    def acknowledge(files: Sequence[FileRecord]) -> None:
        with SqliteCatalog.open(tmp_path / "c/catalog.sqlite", read_only=True) as other:
            for file in files:
                assert other.file(file.path) == file
                assert other.vectors(list(other.keys([file.image_id]).values())).vectors.any()
        acknowledged.extend(file.path for file in files)

    run(parts, photos, acknowledge=acknowledge)

    assert sorted(acknowledged) == [str(photos / f"{n}.png") for n in range(10)]


@pytest.mark.parametrize("where", ["progress", "acknowledge", "embedder", "walk"])
def test_ctrl_c_anywhere_keeps_what_was_complete_and_a_second_run_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    N = 60
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 4)
    album(photos, N)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    acknowledged: list[str] = []

    def acknowledge(files: Sequence[FileRecord]) -> None:
        acknowledged.extend(file.path for file in files)
        if where == "acknowledge":
            interrupt()

    def embed(pictures: int) -> None:
        if where == "embedder" and pictures > 30:
            interrupt()

    parts = new_parts(tmp_path / "c", embedder=CountingEmbedder(embed))
    if where == "walk":
        monkeypatch.setattr("lookalike.ingest.scan.walk", interrupt)

    def progress(report: IngestReport) -> None:
        if where == "progress" and report.done:
            interrupt()

    with pytest.raises(Interrupted, match="to go on"):
        run(parts, photos, progress=progress, acknowledge=acknowledge, threads=2)
    kept = {file.path for file in parts.catalog.files()}
    assert set(acknowledged) <= kept
    assert len(kept) < N
    assert bool(kept) == (where != "walk")
    assert threading.active_count() == 1

    monkeypatch.undo()
    again = new_parts(embedder=CountingEmbedder())
    parts = replace(parts, embedder=again.embedder)
    finished = run(parts, photos)
    assert counts(finished) == {"added": N - len(kept)} | ({"unchanged": len(kept)} if kept else {})


def test_a_disk_that_fails_midway_keeps_what_was_acknowledged(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 4)
    album(photos, 20)
    parts = new_parts(tmp_path / "c")
    acknowledged: list[str] = []
    real = parts.catalog.transaction

    def transaction(**options: bool) -> Any:
        if len(acknowledged) >= 8:
            raise StorageFailed("the disk is full")
        return real(**options)

    monkeypatch.setattr(parts.catalog, "transaction", transaction)
    with pytest.raises(StorageFailed):
        run(parts, photos, acknowledge=lambda files: acknowledged.extend(file.path for file in files))
    parts.catalog.close()

    with SqliteCatalog.open(tmp_path / "c/catalog.sqlite") as catalog:
        assert sorted(file.path for file in catalog.files()) == sorted(acknowledged)


def test_an_error_that_nobody_expected_is_not_swallowed(photos: Path) -> None:
    album(photos, 40)

    def fail(pictures: int) -> None:
        if pictures > 10:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(new_parts(embedder=CountingEmbedder(fail)), photos, threads=4)
    assert threading.active_count() == 1


def test_a_picture_removed_by_another_thread_while_it_is_recognised_is_taken_in_again(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = new_parts()
    write(photos / "a.png", 1)
    run(parts, photos)
    write(photos / "copy.png", 1)
    real = embed_files.FileEmbedder.take
    removed: list[int] = []

    def take(self: Any, files: Any) -> Any:
        results = real(self, files)
        if not removed:
            with parts.catalog.transaction() as transaction:
                removed.append(transaction.remove_images(sorted(known_ids(parts.catalog))))
        return results

    monkeypatch.setattr(embed_files.FileEmbedder, "take", take)

    run(parts, photos)

    assert set(places(parts)) == {"copy.png"}


def test_pictures_are_not_taken_from_the_collection_itself(photos: Path) -> None:
    album(photos, 2)
    parts = new_parts(photos / "mine")
    write(photos / "mine/objects/x.png", 5)

    assert counts(run(parts, photos)) == {"added": 2}


def test_refusals_do_not_keep_the_bytes_of_files(photos: Path) -> None:
    import gc

    from lookalike.images.limits import DEFAULT_LIMITS
    from lookalike.images.walk import FoundFile

    path = write_bytes(photos / "broken.png", png(1)[:40] + b"marker" * 100)
    files = embed_files.FileEmbedder(CountingEmbedder(), lambda _: (), limits=DEFAULT_LIMITS)

    (refused,) = files.take([FoundFile(str(path), 1, 1)])

    assert isinstance(refused, embed_files.Refused)
    assert refused.error.__traceback__ is None
    assert refused.error.__cause__ is None
    assert not any(b"markermarker" in one for one in gc.get_objects() if type(one) is bytes)


def zoo(folder: Path) -> dict[str, str]:
    """Every kind of bad file; the code expected by name."""
    from tests.unit.images.pictures import encoded, scene
    from tests.unit.images.test_bombs import BOMBS, bmp_bomb, jpeg_bomb, png_bomb

    jpeg = encoded(scene(), "JPEG")
    bad = {
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"this is a text, not a picture", "not_an_image"),
        "pdf.png": (b"%PDF-1.7\n%abc", "unsupported_format|not_an_image"),
        "svg.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format|not_an_image"),
        "zero.png": (png_bomb(0, 5), "zero_size"),
        "zero.bmp": (bmp_bomb(0, 7), "zero_size"),
        "half.png": (png(1)[:-30], "truncated|damaged"),
        "flipped.png": (png(1)[:60] + b"\0\0\0\0" + png(1)[64:], "damaged|truncated"),
        "lying.jpg": (jpeg_bomb(65_000, progressive=False), "too_many_pixels|too_costly|truncated"),
        "two\nlines.jpg": (b"\0\1", "not_an_image"),
        os.fsdecode(b"\xff.jpg"): (b"\0\1", "not_an_image"),
    }
    bad |= {f"bomb {name}.png": (data, "too_many_pixels|too_costly|truncated") for name, data in BOMBS.items()}
    for name, (data, _) in bad.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    (folder / "nowhere.jpg").symlink_to(folder / "nothing.jpg")
    others = {"pipe.jpg": "not_a_file", "circle.jpg": "unreadable", "nowhere.jpg": "vanished"}
    return {name: code for name, (_, code) in bad.items()} | others


def good(folder: Path) -> int:
    """Everything odd that is a picture all the same."""
    from PIL import Image

    from tests.unit.images.pictures import encoded, every_kind, scene

    kinds = {f"{name}.{'png' if n % 2 else 'jpg'}": data for n, (name, data) in enumerate(every_kind().items())}
    kinds["dot.png"] = encoded(Image.new("RGB", (1, 1)), "PNG")
    kinds["line.png"] = encoded(Image.new("RGB", (30_000, 1), "red"), "PNG")
    kinds["rubbish.jpg"] = encoded(scene(), "JPEG", quality=70) + bytes(3_000_000)
    kinds["turned.jpg"] = encoded(scene(), "JPEG", exif=_turned())
    for name, data in kinds.items():
        (folder / name).write_bytes(data)
    return len(kinds)


def _turned() -> Any:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_a_zoo_of_bad_files_stops_nothing_and_each_is_told_with_path_reason_and_code(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.ingest.ingest._COMMIT_AFTER_FILES", 7)
    expected = zoo(photos)
    fine = good(photos)
    parts = new_parts(tmp_path / "c")
    acknowledged: list[str] = []

    report = run(parts, photos, threads=4, acknowledge=lambda files: acknowledged.extend(file.path for file in files))

    assert counts(report).keys() - {"recognised"} == {"added", "failed"}
    assert report.added + report.recognised == fine
    told = {os.path.relpath(failure.path, photos): failure for failure in report.failed}
    assert set(told) == set(expected)
    for name, codes in expected.items():
        assert told[name].code in codes.split("|"), told[name]
        assert told[name].reason
        assert told[name].reason.isprintable()
    assert sorted(acknowledged) == sorted(file.path for file in parts.catalog.files())

    again = run(parts, photos)
    assert again.unchanged == fine
    assert sorted(again.failed, key=str) == sorted(report.failed, key=str)
    assert parts.catalog.facts().refused == len(expected) - 3, "all but pipe, circle and link are remembered"


def test_a_turned_picture_has_its_upright_size(parts: Parts, photos: Path) -> None:
    picture(1).save(photos / "turned.jpg", exif=_turned())

    run(parts, photos)

    (image,) = parts.catalog.images(list(known_ids(parts.catalog))).values()
    assert (image.width, image.height) == (8, 12)


@pytest.mark.parametrize("how", ["pruned", "overwritten"])
def test_labels_of_what_was_forgotten_return_when_it_is_taken_in_again(parts: Parts, photos: Path, how: str) -> None:
    album(photos, 2)
    path = photos / "0.png"
    run(parts, photos, metadata={str(path): {"label": "red"}})
    if how == "pruned":
        path.unlink()
        assert counts(run(parts, photos, prune=True)) == {"unchanged": 1, "removed": 1}
    else:
        write(path, 70)
        assert counts(run(parts, photos)) == {"unchanged": 1, "updated": 1}
    assert len(parts.catalog.select(Filter.parse("label = red"))) == 0

    write(photos / "elsewhere.png", 0)
    report = run(parts, photos)

    assert report.labels_returned == 1
    (key,) = parts.catalog.select(Filter.parse("label = red")).tolist()
    assert [one.path for one in parts.catalog.pictures([key])[key].files] == [str(photos / "elsewhere.png")]
    assert run(parts, photos).labels_returned == 0
