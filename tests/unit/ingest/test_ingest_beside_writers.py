"""What others write while an ingest runs: nothing is lost, doubled or put back, and the counts make sense."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog import patience
from lookalike.catalog.patience import patiently
from lookalike.collection import Collection
from lookalike.core.errors import BadInput, Locked, WrongModel
from lookalike.further.further_models import PictureVector, keep_vectors
from lookalike.ingest import ingest as ingest_module
from lookalike.ingest.ingest_report import IngestReport
from tests.catalogs import known_ids
from tests.collections import (
    CountingEmbedder,
    album,
    new_collection,
    new_parts,
    open_catalog,
    png,
    touch,
    write,
    write_bytes,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Collection]:
    """The same collection as another process has it: a catalog of its own on the same file."""
    with new_collection(tmp_path / "c", catalog=open_catalog(tmp_path / "c" / "catalog.sqlite")) as collection:
        yield collection


def interrupted_by(tmp_path: Path, act: Callable[[], object]) -> Collection:
    """A collection whose runs have what `act` does happen beside them, once what is known has been read."""
    done: list[bool] = []

    def once(_: int) -> None:
        if not done:
            done.append(True)
            act()

    return new_collection(tmp_path / "c", embedder=CountingEmbedder(once))


def rows(collection: Collection) -> dict[str, str]:
    """The pictures by their files; each file and each picture is there once."""
    catalog = collection._parts.catalog
    files = list(catalog.files())
    assert len({file.path for file in files}) == len(files)
    assert {file.image_id for file in files} == known_ids(catalog)
    assert catalog.check() == []
    return {Path(file.path).name: file.image_id for file in files}


def read(report: IngestReport) -> tuple[int, int, int, int]:
    assert report.done == report.total
    return report.added, report.recognised, report.unchanged, report.updated


def test_what_another_run_has_brought_meanwhile_is_unchanged_and_not_written_again(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    album(photos, 3)
    with interrupted_by(tmp_path, lambda: other.index(photos)) as collection:
        report = collection.index(photos)
    assert read(report) == (0, 0, 3, 0)
    assert len(rows(other)) == 3
    assert other._parts.catalog.cursor().split()[0] == "3"


def test_a_copy_of_what_another_run_has_brought_is_recognised(tmp_path: Path, photos: Path, other: Collection) -> None:
    write(photos / "a.png", 1)
    write(tmp_path / "elsewhere" / "b.png", 1)
    with interrupted_by(tmp_path, lambda: other.index(tmp_path / "elsewhere")) as collection:
        report = collection.index(photos)
    assert read(report) == (0, 1, 0, 0)
    assert sorted(rows(other)) == ["a.png", "b.png"]


def test_a_file_that_another_run_has_read_later_stays_as_that_one_saw_it(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    file = write(photos / "a.png", 1)

    def change() -> None:
        write(file, 2)
        other.index(photos)
        assert other.get(rows(other)["a.png"])

    with interrupted_by(tmp_path, change) as collection:
        report = collection.index(photos)
    assert read(report) == (0, 0, 1, 0)
    assert set(rows(other).values()) == {other.add(png(2))}


def test_a_file_that_another_run_has_read_earlier_is_taken_as_it_is_now(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    file = write(photos / "a.png", 2)
    mtime_ns = file.stat().st_mtime_ns

    def commit_what_was_read_earlier() -> None:
        write(file, 1)
        other.index(photos)
        write(file, 2)
        touch(file, mtime_ns)

    with interrupted_by(tmp_path, commit_what_was_read_earlier) as collection:
        report = collection.index(photos)
    assert read(report) == (0, 0, 0, 1)
    assert set(rows(other).values()) == {other.add(png(2))}


def test_a_half_written_file_that_another_run_has_read_whole_keeps_its_picture(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    half = write_bytes(photos / "a.png", png(1)[:60])
    write(photos / "b.png", 5)

    def finish() -> None:
        write_bytes(half, png(1))
        other.index(photos)

    with interrupted_by(tmp_path, finish) as collection:
        report = collection.index(photos)
    assert report.failed == []
    assert sorted(rows(other)) == ["a.png", "b.png"]
    assert list(other._parts.catalog.refused()) == []


def test_a_picture_that_is_removed_meanwhile_is_read_again_where_a_file_is_new(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    write(photos / "a.png", 1)
    other.index(photos)
    write(photos / "copy.png", 1)
    write(photos / "other.png", 2)
    with interrupted_by(tmp_path, lambda: other.remove(photos / "a.png")) as collection:
        report = collection.index(photos)
    assert report.failed == []
    assert sorted(rows(other)) == ["copy.png", "other.png"]


def test_a_file_that_has_come_back_before_it_is_forgotten_is_kept(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    files = album(photos, 3)
    other.index(photos)
    files[0].unlink()
    write(photos / "new.png", 7)
    with interrupted_by(tmp_path, lambda: (write(files[0], 9), other.index(photos))) as collection:
        report = collection.index(photos, prune=True)
    assert report.removed == 0
    assert sorted(rows(other)) == ["0.png", "1.png", "2.png", "new.png"]


def test_a_picture_that_another_brings_as_bytes_outlives_its_pruned_file(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    files = album(photos, 2)
    other.index(photos)
    files[0].unlink()
    write(photos / "new.png", 7)
    with interrupted_by(tmp_path, lambda: other.add(png(0))) as collection:
        report = collection.index(photos, prune=True)
    assert report.removed == 1
    assert other.add(png(0)) in other
    assert other.pictures.read(other.add(png(0))) == png(0)


def test_labels_of_a_run_lie_on_what_its_files_hold_now(tmp_path: Path, photos: Path, other: Collection) -> None:
    first = write(photos / "a.png", 1)
    write(tmp_path / "elsewhere" / "copy.png", 1)
    other.index(photos, tmp_path / "elsewhere")
    write(photos / "b.png", 3)

    def change() -> None:
        write(first, 2)
        other.index(photos)

    with interrupted_by(tmp_path, change) as collection:
        collection.index(photos, metadata={str(first): {"who": "Ada"}})
    labelled = {name: other.get(image_id).image.metadata for name, image_id in rows(other).items()}
    assert labelled == {"a.png": {"who": "Ada"}, "b.png": {}, "copy.png": {}}


def test_the_devices_of_folders_that_another_run_has_noted_meanwhile_are_kept(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    album(photos, 2)
    album(tmp_path / "elsewhere", 3)
    with interrupted_by(tmp_path, lambda: other.index(tmp_path / "elsewhere")) as collection:
        collection.index(photos)
    noted = other._parts.catalog.devices()
    assert set(noted) in ({str(photos), str(tmp_path / "elsewhere")}, set())  # none where nothing tells devices apart


def test_pictures_added_beside_a_run_are_all_there(tmp_path: Path, photos: Path, other: Collection) -> None:
    N = 20
    album(photos, N)
    added: list[str] = []

    def add() -> None:
        added.extend(other.add(png(100 + n)) for n in range(N))

    adding = threading.Thread(target=add)
    with interrupted_by(tmp_path, adding.start) as collection:
        report = collection.index(photos)
        adding.join()
    assert report.added == N
    assert set(added) <= known_ids(other._parts.catalog)
    assert len(other) == 2 * N


def test_two_runs_of_the_same_folder_at_the_same_time_bring_each_picture_once(
    tmp_path: Path, photos: Path, other: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    N = 40
    monkeypatch.setattr(ingest_module, "_COMMIT_AFTER_FILES", 3)
    album(photos, N)
    reports: list[IngestReport] = []
    barrier = threading.Barrier(2)

    def run(collection: Collection) -> None:
        barrier.wait()
        reports.append(collection.index(photos))

    with new_collection(tmp_path / "c") as collection:
        threads = [threading.Thread(target=run, args=(one,)) for one in (collection, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(rows(collection)) == N
        assert other._parts.catalog.cursor().split()[0] == str(N)
        assert [len(one.search(png(3), k=2 * N)) for one in (collection, other)] == [N, N]
    assert [report.failed for report in reports] == [[], []]
    assert sum(report.added for report in reports) == N
    assert sum(report.done for report in reports) == 2 * N


def test_an_index_that_is_made_anew_beside_a_run_holds_all_in_the_end(
    tmp_path: Path, photos: Path, other: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    N = 30
    monkeypatch.setattr(ingest_module, "_COMMIT_AFTER_FILES", 2)
    album(photos, N)
    stop = threading.Event()

    def rebuild() -> None:
        while not stop.is_set():
            other.rebuild()

    rebuilding = threading.Thread(target=rebuild)
    with interrupted_by(tmp_path, rebuilding.start) as collection:
        report = collection.index(photos)
        stop.set()
        rebuilding.join()
        assert report.added == N
        assert [len(one.search(png(3), k=2 * N)) for one in (collection, other)] == [N, N]
    with new_collection(tmp_path / "c") as again:
        assert len(again.search(png(3), k=2 * N)) == N


def test_what_is_imported_beside_a_run_is_there_once(tmp_path: Path, photos: Path, other: Collection) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    album(photos, 4)
    with new_collection(tmp_path / "elsewhere") as elsewhere:
        elsewhere.index(photos)
        elsewhere.add(png(9))
        elsewhere.export_to(tmp_path / "all.parquet")
    with interrupted_by(tmp_path, lambda: other.import_from(tmp_path / "all.parquet")) as collection:
        report = collection.index(photos)
    assert read(report) == (0, 0, 4, 0)
    assert len(other) == 5
    assert len(list(other._parts.catalog.files())) == 4


def test_a_run_waits_for_a_writer_that_takes_longer_than_a_usual_commit(
    tmp_path: Path, photos: Path, other: Collection
) -> None:
    album(photos, 2)
    catalog = open_catalog(tmp_path / "c" / "catalog.sqlite")
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with catalog.transaction():
            held.set()
            go_on.wait(60)

    holding = threading.Thread(target=hold)
    with catalog:
        holding.start()
        held.wait(60)
        threading.Timer(0.3, go_on.set).start()
        assert other.index(photos).added == 2
        holding.join()


def test_a_commit_of_more_than_fits_into_memory_does_not_wait_for_itself(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    N = 20
    monkeypatch.setattr(patience, "PATIENCE_S", 0.0)
    labels = {str(photos / f"{n}.png"): {"text": f"{n} " * 1_000} for n in range(N)}
    album(photos, N)
    catalog = open_catalog(tmp_path / "c" / "catalog.sqlite", busy_wait_s=0.2, most_changed_bytes=20_000)
    with new_collection(tmp_path / "c", catalog=catalog) as collection:
        assert collection.index(photos).added == N
        write(photos / "0.png", 100)  # the picture that it held goes
        write(photos / "1.png", 2)  # another file's, which has labels then
        for n in range(2, N):
            write(photos / f"{n}.png", n)
        report = collection.index(photos, metadata=labels)
        assert (report.updated, report.unchanged, report.failed) == (2, N - 2, [])
        assert all(one.image.metadata for one in map(collection.get, rows(collection).values()))
        assert len(collection) == N - 1


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 0.0)
    tries = []

    def commit() -> None:
        tries.append(1)
        raise Locked("another process is writing")

    with pytest.raises(Locked):
        patiently(commit)
    assert tries == [1]


def test_vectors_of_a_further_model_are_not_put_under_another_models_name() -> None:
    parts = new_parts()
    one = PictureVector("a" * 64, np.ones(2, np.float16))
    parts.catalog.add_further_model("fine", "f" * 64, 2)
    with pytest.raises(WrongModel, match="expected the model eee"):
        keep_vectors(parts.catalog, "fine", "e" * 64, [one])
    parts.catalog.drop_further_model("fine")
    keep_vectors(parts.catalog, "fine", "f" * 64, [one])  # there is no such picture: nothing to be kept


def test_a_further_model_that_is_dropped_while_it_is_computed_does_not_come_back(tmp_path: Path) -> None:
    with new_collection(tmp_path / "c") as collection:
        (image_id,) = [collection.add(png(1))]
        catalog = collection._parts.catalog
        with pytest.raises(BadInput):
            keep_vectors(catalog, "fine", "f" * 64, [PictureVector(image_id, np.ones(2, np.float16))])
        assert catalog.further_models() == []
