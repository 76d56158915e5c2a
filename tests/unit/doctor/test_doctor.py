"""What the doctor finds, what it advises, and what it mends."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.core.errors import LookalikeError, ModelUnavailable, StorageFailed
from lookalike.core.installing import install_line
from lookalike.core.vectors import Pixels, Vectors
from lookalike.doctor import Finding, ModelPlace, Patient, Status, environment, examine, repair, sweep
from lookalike.doctor import snapshot as snapshot_check
from lookalike.doctor.orphans import find_orphaned_objects, sweep_objects
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.index.snapshot import read_snapshot
from lookalike.models.card import ModelCard
from lookalike.models.kept import keep_model, model_path
from lookalike.models.own import OwnModel
from lookalike.models.store import default_model
from lookalike.objects.local import LocalObjects
from lookalike.objects.local_uploads import LocalUploads
from lookalike.objects.memory import MemoryObjects
from lookalike.view.keeper import Keeper
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.catalogs import known_ids
from tests.collections import open_catalog
from tests.unit.small_collection import EMBEDDER, encoded, picture, put


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    """Six pictures in files, one without, and a snapshot."""
    folder = tmp_path / "collection"
    photos = tmp_path / "photos"
    photos.mkdir()
    opened: list[SqliteCatalog] = []

    def catalog() -> SqliteCatalog:
        if not opened:
            opened.append(open_catalog(folder / "catalog.sqlite"))
        return opened[0]

    objects = LocalObjects(folder / "objects")
    catalog().claim_model(EMBEDDER.card.id, EMBEDDER.card.dimension)
    for n in range(6):
        put(catalog(), photos / f"{n}.jpg", encoded(picture(n)))
    objects.put(encoded(picture(6)))
    put(catalog(), None, encoded(picture(6)))
    view = LocalView(catalog(), folder / "snapshots", engines=LocalEngines(), wish=Wish(projecting="auto"))
    view.refresh()
    view.save()
    yield Patient(
        folder=folder,
        open_catalog=catalog,
        objects=objects,
        open_embedder=lambda: EMBEDDER,
        model=None,
        models=folder / "models",
        snapshots=folder / "snapshots",
        engines=LocalEngines(),
        wish=Wish(projecting="auto"),
        lock_holder=writer_lock(folder / "catalog.sqlite").holder,
    )
    opened[0].close()


def not_fine(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.status is not Status.OK]


def the_only(findings: list[Finding]) -> Finding:
    (found,) = not_fine(findings)
    assert found.advice
    assert "\n" not in found.what + found.advice
    return found


def change(patient: Patient, statement: str) -> None:
    connection = sqlite3.connect(path_of(patient), isolation_level=None)
    connection.execute(statement)
    connection.close()


def path_of(patient: Patient) -> Path:
    assert patient.folder is not None
    return patient.folder / "catalog.sqlite"


def test_a_healthy_collection_has_nothing_but_good_findings_and_is_not_changed(patient: Patient) -> None:
    assert patient.folder is not None
    before = {path: path.read_bytes() for path in patient.folder.rglob("*") if path.is_file()}
    told: list[str] = []
    findings = examine(patient, progress=told.append)
    assert not_fine(findings) == []
    assert told == [
        "environment",
        "disk",
        "lock",
        "model",
        "privacy",
        "catalog",
        "objects",
        "leftovers",
        "snapshot",
        "files",
    ]
    assert {finding.check for finding in findings} == set(told)
    assert any("7 vectors are those of the catalog" in finding.what for finding in findings)
    assert before == {path: path.read_bytes() for path in patient.folder.rglob("*") if path.is_file()}


def test_a_collection_in_memory_is_examined_too() -> None:
    catalog = MemoryCatalog()
    patient = Patient(
        folder=None,
        open_catalog=lambda: catalog,
        objects=MemoryObjects(),
        open_embedder=lambda: EMBEDDER,
        model=None,
        snapshots=None,
        engines=LocalEngines(),
        wish=Wish(projecting="off"),
        lock_holder=lambda: None,
    )
    assert not_fine(examine(patient)) == []
    assert not_fine(repair(patient)) == []


def test_a_damaged_catalog_is_told_and_never_touched(patient: Patient) -> None:
    data = bytearray(path_of(patient).read_bytes())
    data[8192:] = bytes(len(data) - 8192)
    path_of(patient).write_bytes(data)
    findings = not_fine(examine(patient))
    catalog = next(finding for finding in findings if finding.check == "catalog")
    assert catalog.status is Status.PROBLEM
    assert "backup" in catalog.advice
    assert "index your pictures again" in catalog.advice
    assert all(finding.advice for finding in findings)
    mended = not_fine(repair(patient))
    assert [finding.check for finding in mended] == ["catalog"]
    assert path_of(patient).read_bytes() == data


def test_a_catalog_that_cannot_be_opened_hides_nothing_else(patient: Patient) -> None:
    path_of(patient).write_bytes(b"something else " * 100)
    path = path_of(patient)

    def broken() -> SqliteCatalog:
        return open_catalog(path)

    findings = examine(replace(patient, open_catalog=broken))
    assert {finding.check for finding in not_fine(findings)} == {"catalog", "objects", "leftovers", "snapshot", "files"}
    assert {"environment", "disk", "lock", "model"} <= {finding.check for finding in findings}


def test_contradictions_in_the_catalog_are_problems(patient: Patient) -> None:
    change(patient, "DELETE FROM vectors WHERE key = 2")
    assert "1 pictures without a vector" in {finding.what for finding in not_fine(examine(patient))}


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda folder: shutil.rmtree(folder), "missing"),
    "no pointer": (lambda folder: (folder / "CURRENT").unlink(), "missing"),
    "a flipped bit": (lambda folder: flip(next(folder.glob("*/vectors.npy"))), "SHA-256"),
    "a missing file": (lambda folder: next(folder.glob("*/keys.npy")).unlink(), "missing"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_snapshot_is_a_warning_and_is_made_anew(patient: Patient, how: str) -> None:
    assert patient.snapshots is not None
    damage, reason = DAMAGES[how]
    damage(patient.snapshots)
    found = the_only(examine(patient))
    assert (found.check, found.status) == ("snapshot", Status.WARNING)
    assert reason in found.what
    assert not_fine(repair(patient)) == []
    assert not_fine(examine(patient)) == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def rehashed(folder: Path, change: Callable[[Path], object]) -> None:
    """Change a snapshot as a faulty program would: its hashes are right."""
    place = next(folder.glob("*/manifest.json")).parent
    change(place)
    manifest = json.loads((place / "manifest.json").read_bytes())
    manifest["files"] = {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (place / "manifest.json").write_text(json.dumps(manifest))
    digest = hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest()
    (folder / "CURRENT").write_text(f"{place.name} {digest}\n")


def swap_rows(place: Path) -> None:
    np.save(place / "vectors.npy", np.load(place / "vectors.npy")[::-1].copy())


def other_key(place: Path) -> None:
    keys = np.load(place / "keys.npy")
    keys[0] = 99
    np.save(place / "keys.npy", keys)


def one_more(place: Path) -> None:
    np.save(place / "keys.npy", np.append(np.load(place / "keys.npy"), 99))
    vectors = np.load(place / "vectors.npy")
    np.save(place / "vectors.npy", np.concatenate([vectors, vectors[:1]]))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (swap_rows, "other vectors than the catalog"),
        (other_key, "lacks pictures"),
        (one_more, "holds pictures that the catalog does not"),
    ],
)
def test_an_index_that_says_other_than_the_catalog_is_a_problem_and_is_made_anew(
    patient: Patient, wrong: Callable[[Path], object], what: str
) -> None:
    assert patient.snapshots is not None
    rehashed(patient.snapshots, wrong)
    read_snapshot(patient.snapshots, LocalEngines())
    found = the_only(examine(patient))
    assert (found.check, found.status) == ("snapshot", Status.PROBLEM)
    assert what in found.what
    repair(patient)
    assert not_fine(examine(patient)) == []


def test_an_index_that_is_behind_is_fine_and_one_of_another_setting_or_history_is_not(
    patient: Patient, tmp_path: Path
) -> None:
    catalog = patient.open_catalog()
    put(catalog, tmp_path / "photos" / "7.jpg", encoded(picture(7)))
    with catalog.transaction() as transaction:
        transaction.remove_images([sorted(known_ids(catalog))[0]])
    assert not_fine(examine(patient)) == []
    assert "setting is off" in the_only(examine(replace(patient, wish=Wish(projecting="off")))).what
    with catalog.transaction() as transaction:
        transaction.remove_images(sorted(known_ids(catalog)))
    change(patient, "UPDATE settings SET value = '1' WHERE name = 'last_seq'")
    with SqliteCatalog.open(path_of(patient)) as again:
        assert any("another history" in one.what for one in examine(replace(patient, open_catalog=lambda: again)))


def troubles_of_the_index(patient: Patient) -> list[Finding]:
    return [finding for finding in not_fine(examine(patient)) if finding.check == "snapshot"]


def test_an_index_that_nobody_can_save_any_more_is_told_with_how_far_it_is_behind(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a service runs for weeks on a disk that is full: searches go on, and nobody reads its log."""
    monkeypatch.setattr(snapshot_check, "FAR_BEHIND", 2)
    catalog = patient.open_catalog()
    view = LocalView(catalog, patient.snapshots, engines=LocalEngines(), wish=patient.wish)
    view.refresh()

    def fail(*_: object, **__: object) -> None:
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(view._snapshots, "write", fail)
    keeper = Keeper(view, may_write=True, beside=False)

    def take_in(numbers: range) -> None:
        for n in numbers:
            put(catalog, None, encoded(picture(n)))
        view.refresh()
        keeper.save_if_possible()

    take_in(range(7, 9))
    assert troubles_of_the_index(patient) == []  # two are nothing

    take_in(range(9, 10))
    told = the_only(troubles_of_the_index(patient))
    assert (told.check, told.status) == ("snapshot", Status.WARNING)
    assert "3 changes behind the catalog" in told.what
    assert "not saved for long" in told.what
    assert "lookalike rebuild" in told.advice
    assert keeper.trouble is not None

    repair(patient)
    assert troubles_of_the_index(patient) == []


def test_of_a_large_index_a_tenth_may_be_behind(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving it takes long, so that it is not done at every thousand changes while much is taken in."""
    monkeypatch.setattr(snapshot_check, "FAR_BEHIND", 0)
    monkeypatch.setattr(snapshot_check, "SHARE_FAR_BEHIND", 3)
    for n in range(7, 9):  # 2 of 7
        put(patient.open_catalog(), None, encoded(picture(n)))
    assert troubles_of_the_index(patient) == []
    put(patient.open_catalog(), None, encoded(picture(9)))
    assert "not saved for long" in the_only(troubles_of_the_index(patient)).what


def test_a_damaged_picture_that_was_kept_is_a_problem_and_a_missing_one_a_warning(patient: Patient) -> None:
    assert patient.folder is not None
    (stored,) = [path for path in (patient.folder / "objects").rglob("*") if path.is_file()]
    flip(stored)
    found = the_only(examine(patient))
    assert (found.check, found.status) == ("objects", Status.PROBLEM)
    stored.unlink()
    found = the_only(examine(patient))
    assert (found.check, found.status) == ("objects", Status.WARNING)
    assert "1 pictures lie in no file" in found.what


def test_files_that_are_gone_or_changed_are_counted(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "photos" / "1.jpg").unlink()
    (tmp_path / "photos" / "2.jpg").write_bytes(b"other")
    (tmp_path / "photos" / "3.jpg").unlink()
    found = the_only(examine(patient))
    assert found.check == "files"
    assert "of 6 known files 2 are gone and 1 have changed" in found.what
    assert "--prune" in found.advice


def test_a_folder_in_the_place_of_a_file_is_no_file(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "photos" / "1.jpg").unlink()
    (tmp_path / "photos" / "1.jpg").mkdir()
    assert "of 6 known files 1 are gone and 0 have changed" in the_only(examine(patient)).what


def test_what_cannot_be_looked_at_is_not_told_as_gone(patient: Patient, tmp_path: Path) -> None:
    around = tmp_path / "photos" / "1.jpg"
    around.unlink()
    around.symlink_to(around)
    found = the_only(examine(patient))
    assert f"0 are gone and 0 have changed, and 1 cannot be looked at, for example {around}" in found.what
    assert "--prune" not in found.advice
    (tmp_path / "photos" / "2.jpg").unlink()
    found = the_only(examine(patient))
    assert "1 are gone and 0 have changed, and 1 cannot be looked at" in found.what
    assert found.advice.index("permissions") < found.advice.index("--prune")


def test_who_is_writing_is_named(patient: Patient) -> None:
    with patient.open_catalog().transaction():
        found = the_only(examine(patient))
    assert (found.check, found.status) == ("lock", Status.WARNING)
    assert "process" in found.what


@pytest.mark.parametrize(("free", "status"), [(10**7, Status.PROBLEM), (10**8, Status.WARNING)])
def test_a_disk_that_is_nearly_full_is_told(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, status: Status
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 0, free))
    found = the_only(examine(patient))
    assert (found.check, found.status) == ("disk", status)


def test_a_missing_library_is_a_problem_and_a_missing_extra_is_not(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = version

    def without(name: str) -> str:
        if name in ("onnx", "pyarrow"):
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(environment, "version", without)
    findings = examine(patient)
    assert "not installed: onnx" in the_only(findings).what
    assert any(finding.advice.startswith(install_line("parquet")) for finding in findings)
    monkeypatch.undo()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 0))
    assert "SQLite" in the_only(examine(patient)).what


def test_a_model_that_cannot_be_opened_or_is_another_is_a_problem(patient: Patient) -> None:
    def broken() -> FakeEmbedder:
        raise ModelUnavailable("the weights are missing: pip install them")

    assert "weights" in the_only(examine(replace(patient, open_embedder=broken))).what
    assert "weights" in the_only(repair(replace(patient, open_embedder=broken))).what
    other = the_only(examine(replace(patient, open_embedder=lambda: FakeEmbedder(seed=1))))
    assert "in use" in other.what


class Altered:
    """An embedder whose vectors are not what they should be."""

    def __init__(self, embedder: Embedder, alter: Callable[[Vectors], Vectors]) -> None:
        self._embedder, self._alter = embedder, alter

    @property
    def card(self) -> ModelCard:
        return self._embedder.card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        return self._alter(self._embedder.embed(images))

    def close(self) -> None:
        """Nothing."""


def test_a_model_that_computes_rubbish_is_a_problem(patient: Patient) -> None:
    for factor in (2, np.nan):
        assert (
            "length"
            in the_only(
                examine(
                    replace(patient, open_embedder=partial(Altered, EMBEDDER, partial(np.multiply, np.float32(factor))))
                )
            ).what
        )


def test_the_models_that_come_with_the_install_compute_what_is_known_of_them(patient: Patient, tmp_path: Path) -> None:
    embedder = OnnxEmbedder(default_model(cache_dir=tmp_path / "cache"))
    (path,) = (tmp_path / "cache").glob("*.onnx")
    place = ModelPlace(path, embedder.card.id)

    def found(one: Embedder) -> list[Finding]:
        return examine(replace(patient, open_embedder=lambda: one, model=place))

    assert any("known for a test picture" in finding.what for finding in found(embedder))
    assert any("whole" in finding.what and str(path) in finding.what for finding in found(embedder))
    wrong = found(Altered(embedder, lambda vectors: vectors[:, ::-1]))
    assert any("another vector" in finding.what for finding in not_fine(wrong))
    others: list[OwnModel] = ["fp32", "fine"]
    for name in others:
        other = OnnxEmbedder(default_model(name, cache_dir=tmp_path / "cache"))
        assert any("known for a test picture" in finding.what for finding in found(other))
        turned = found(Altered(other, lambda vectors: vectors[:, ::-1]))
        assert any("another vector" in finding.what for finding in turned)


def test_a_damaged_model_file_is_a_warning_and_is_made_anew(patient: Patient, tmp_path: Path) -> None:
    model = default_model(cache_dir=tmp_path / "cache")
    assert model.path is not None
    place = ModelPlace(model.path, model.id)
    sick = replace(
        patient, model=place, open_embedder=lambda: OnnxEmbedder(default_model(cache_dir=tmp_path / "cache"))
    )
    flip(model.path)
    findings = not_fine(examine(replace(sick, open_embedder=lambda: EMBEDDER)))
    assert [(finding.check, finding.status) for finding in findings] == [("model", Status.WARNING)]
    repair(sick)
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == model.id
    model.path.unlink()
    assert not_fine(examine(replace(sick, open_embedder=lambda: EMBEDDER))) == []
    own = replace(patient, model=ModelPlace(tmp_path / "own.onnx", None))
    assert "own.onnx: not there" in the_only(examine(own)).what


def test_model_files_that_are_kept_are_compared_with_their_names(patient: Patient) -> None:
    assert patient.models is not None
    content = b"a model"
    model_id = hashlib.sha256(content).hexdigest()
    keep_model(content, patient.models, model_id=model_id)
    assert "1 model files of 7 bytes kept with the collection, all whole" in [one.what for one in examine(patient)]
    model_path(patient.models, model_id).write_bytes(b"another")
    finding = the_only(examine(patient))
    assert (finding.check, finding.status) == ("model", Status.PROBLEM)
    assert "--model FILE" in finding.advice


def test_errors_that_were_not_foreseen_become_findings_with_advice(patient: Patient) -> None:
    def fails() -> SqliteCatalog:
        raise LookalikeError("something else")

    findings = not_fine(examine(replace(patient, open_catalog=fails)))
    assert {finding.what for finding in findings} == {"something else"}
    assert all(finding.advice for finding in findings)


UPLOADS = {number: f"{number:032x}" for number in range(5)}
WAITS, ENDED, UNKNOWN, FRESH, APART = UPLOADS.values()
MODEL = f"{hashlib.sha256(b'half of one').hexdigest()}.onnx"


@pytest.fixture
def littered(patient: Patient, tmp_path: Path) -> Patient:
    """With bytes that nothing refers to, others that are wanted, and others that are new; and what tells of uploads."""
    folder = tmp_path / "collection"
    uploads = LocalUploads(folder / "uploads", secret=lambda: b"s" * 32)
    for upload_id in (WAITS, ENDED, UNKNOWN, FRESH):
        uploads.stage(upload_id, b"staged")
    uploads.quarantine(APART, b"apart")
    (folder / "uploads" / "half-written" / "half").write_bytes(b"half")
    patient.objects.put(b"an orphan")
    (orphan,) = [path for path in (folder / "objects").glob("*/*") if path.read_bytes() == b"an orphan"]
    (orphan.parent / ".put-half").write_bytes(b"half")
    (folder / "models").mkdir()
    for name in (MODEL, f"{MODEL}.0a0a0a0a.part", f"{FRESH}.part"):
        (folder / "models" / name).write_bytes(b"half of one")
    files = (*(folder / "objects").glob("*/*"), *(folder / "uploads").glob("*/*"), *(folder / "models").iterdir())
    for path in files:
        age = 0 if path.stem == FRESH else 2 * 86_400 if path.name == UNKNOWN else 35 * 86_400
        os.utime(path, (time.time() - age, time.time() - age))
    patient.objects.put(b"on its way")
    return replace(patient, uploads=uploads, is_awaited={WAITS: True, ENDED: False, FRESH: False}.get)


def test_bytes_that_nothing_refers_to_are_found_and_nothing_is_deleted(littered: Patient, tmp_path: Path) -> None:
    def files() -> set[str]:
        return {str(path) for path in (tmp_path / "collection").rglob("*") if path.is_file()}

    before = files()
    found = the_only(examine(littered))
    assert (found.check, found.status) == ("leftovers", Status.WARNING)
    assert found.what.startswith("6 files of ")
    assert "(3 half-written, 1 kept, 1 quarantined, 1 staged)" in found.what
    assert "--sweep" in found.advice
    assert files() == before


def test_what_is_swept_is_what_nothing_refers_to_for_long_enough(littered: Patient, tmp_path: Path) -> None:
    folder = tmp_path / "collection"
    (done,) = sweep(littered)
    assert done.status is Status.OK
    assert "(3 half-written, 1 kept, 1 quarantined, 1 staged)" in done.what
    assert not_fine(examine(littered)) == []
    assert sorted(path.name for path in (folder / "uploads").rglob("*") if path.is_file()) == [WAITS, UNKNOWN, FRESH]
    assert {path.name for path in (folder / "models").iterdir()} == {MODEL, f"{FRESH}.part"}
    held = {path.read_bytes() for path in (folder / "objects").glob("*/*")}
    assert held == {b"on its way", encoded(picture(6))}
    (again,) = sweep(littered)
    assert again.what == "there was nothing to delete"


def test_nothing_is_swept_by_a_damaged_catalog(littered: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteCatalog, "check", lambda _: ["a page is torn"])
    (done,) = sweep(littered)
    assert done.status is Status.PROBLEM
    assert "a page is torn" in done.what
    monkeypatch.undo()
    assert the_only(examine(littered)).what.startswith("6 files")


def test_bytes_that_are_wanted_again_while_they_are_swept_stay(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, data = patient.open_catalog(), encoded(picture(8))
    object_id = patient.objects.put(data)
    later = time.time() + 60
    assert [one.name for one in find_orphaned_objects(catalog, patient.objects, before=later)] == [object_id]
    transaction = catalog.transaction

    def somebody_adds_it_first(**options: bool) -> Any:
        monkeypatch.undo()
        put(catalog, None, data)
        return transaction(**options)

    monkeypatch.setattr(catalog, "transaction", somebody_adds_it_first)
    assert sweep_objects(catalog, patient.objects, before=later) == []
    assert patient.objects.get(object_id) == data
