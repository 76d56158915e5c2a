"""`lookalike.open` finds, makes or refuses a collection, and keeps it to its model."""

from __future__ import annotations

import gc
import os
import shutil
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

import lookalike
from lookalike.assembly.catalogs import served_catalogs
from lookalike.assembly.patient import open_patient
from lookalike.core.errors import BadInput, CatalogDamaged, ModelUnavailable, NoCollection, ReadOnly, WrongModel
from lookalike.doctor import Status, examine, sweep
from lookalike.embedding import onnx
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.models.store import MODEL_IDS, ModelFile
from tests.collections import album, png, write
from tests.mean_model import wrapped_mean_model


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings of the machine, and with a cache of its own that stays empty where no model is opened."""
    for name in [name for name in os.environ if name.startswith("LOOKALIKE_")]:
        monkeypatch.delenv(name)
    for kind in ("config", "data", "cache"):
        monkeypatch.setattr(platformdirs, f"user_{kind}_path", lambda _, kind=kind: tmp_path / f"user {kind}")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    """Mean colours: a model of another tool, wrapped."""
    return wrapped_mean_model(tmp_path / "own.onnx")


def test_a_collection_is_made_where_there_is_none_and_opened_where_there_is(tmp_path: Path) -> None:
    for _ in range(2):
        with lookalike.open("deep/photos") as collection:
            assert collection.path == tmp_path / "deep/photos"
            assert len(collection) == 0
            assert collection.info().model == MODEL_IDS["int8"]
    assert not (tmp_path / "user cache").exists(), "the model is not opened before it is needed"


def test_without_a_path_it_is_the_one_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lookalike.open() as collection:
        assert collection.path == tmp_path / "user data" / "photos.lookalike"
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "other"))
    with lookalike.open() as collection:
        assert collection.path == tmp_path / "other"


@pytest.mark.parametrize(("name", "why"), [("x" * 256, "it is too long"), ("a\ud800", "it is no Unicode text")])
def test_a_path_that_no_folder_can_have_is_told_as_that(name: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"for collection.*from the argument.*{why}"):
        lookalike.open(name)


@pytest.mark.parametrize("leads_to", ["drive/photos", "c"])
def test_a_link_to_where_nothing_is_is_told_as_that(leads_to: str, tmp_path: Path) -> None:
    (tmp_path / "c").symlink_to(leads_to)
    for options in ({}, {"create": False}, {"read_only": True}):
        with pytest.raises(NoCollection, match=f"a link to {leads_to}, where nothing is"):
            lookalike.open("c", **options)
    assert os.listdir(tmp_path) == ["c"]


def test_in_memory_nothing_is_written(tmp_path: Path) -> None:
    with lookalike.open(":memory:") as collection:
        assert (collection.path, len(collection)) == (None, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_where_there_is_none_and_none_may_be_made_that_is_said(tmp_path: Path, options: Any) -> None:
    with pytest.raises(NoCollection, match="lookalike index"):
        lookalike.open("nothing", **options)
    assert not (tmp_path / "nothing").exists()


def test_a_folder_of_photos_does_not_become_a_collection(tmp_path: Path) -> None:
    album(tmp_path / "photos")

    with pytest.raises(BadInput, match=r"0\.png, 1\.png ….*a folder of its own, for example .*/photos\.lookalike"):
        lookalike.open("photos")
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["0.png", "1.png", "2.png"]
    with pytest.raises(NoCollection):
        lookalike.open("photos", create=False)
    with pytest.raises(BadInput, match="is a file"):
        lookalike.open("photos/0.png")


@pytest.mark.parametrize("leftover", [None, ".DS_Store", "catalog.sqlite.lock", "objects/ab", "snapshots/LOCK"])
def test_an_empty_folder_and_what_is_left_of_a_collection_do(tmp_path: Path, leftover: str | None) -> None:
    (tmp_path / "photos").mkdir()
    if leftover is not None:
        (tmp_path / "photos" / leftover).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / leftover).touch()

    with lookalike.open("photos") as collection:
        assert len(collection) == 0


def test_something_else_by_the_name_of_a_catalog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/catalog.sqlite").write_bytes(b"this is no database" * 100)

    with pytest.raises(CatalogDamaged):
        lookalike.open("photos")


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
@pytest.mark.parametrize("left", ["objects", "snapshots"])
def test_a_catalog_that_was_lost_is_not_begun_anew_beside_what_belonged_to_it(
    tmp_path: Path, own_model: Path, lost: Callable[[Path], object], left: str
) -> None:
    with lookalike.open("photos", model=own_model) as collection:
        collection.add(png(1))
        collection.rebuild()
    lost(tmp_path / "photos" / "catalog.sqlite")
    shutil.rmtree(tmp_path / "photos" / {"objects": "snapshots", "snapshots": "objects"}[left])
    before = sorted(path.name for path in (tmp_path / "photos").rglob("*"))

    for options in ({}, {"read_only": True}, {"create": False}):
        with pytest.raises(CatalogDamaged, match="restore it from a copy"):
            lookalike.open("photos", **options)
    with open_patient("photos") as patient:
        problems = [one for one in (*examine(patient), *sweep(patient)) if one.status is Status.PROBLEM]
    assert problems[0].check == "catalog"
    assert {"but it is empty or gone" in one.what for one in problems if one.check in ("catalog", "leftovers")} == {
        True
    }
    assert sorted(path.name for path in (tmp_path / "photos").rglob("*")) == before


def test_a_collection_whose_making_was_cut_off_is_made(tmp_path: Path) -> None:
    (tmp_path / "photos" / "objects").mkdir(parents=True)
    (tmp_path / "photos" / "catalog.sqlite").touch()
    with lookalike.open("photos") as collection:
        assert len(collection) == 0


def test_opened_for_reading_nothing_can_be_changed(tmp_path: Path) -> None:
    lookalike.open("photos").close()

    with lookalike.open("photos", read_only=True) as collection:
        for change in (lambda: collection.add(png(1)), lambda: collection.remove(), lambda: collection.index(".")):
            with pytest.raises(ReadOnly):
                change()


def test_a_collection_keeps_its_model_whatever_the_settings_say_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    lookalike.open("photos", model="fp32").close()

    with lookalike.open("photos") as collection:
        assert collection.info().model == MODEL_IDS["fp32"]
    with pytest.raises(WrongModel, match=f"expected model {MODEL_IDS['fp32'][:12]}"):
        lookalike.open("photos", model="int8")
    monkeypatch.setenv("LOOKALIKE_MODEL", "int8")
    with pytest.raises(WrongModel):
        lookalike.open("photos", read_only=True)


def test_a_file_can_be_the_model_and_is_kept_with_the_collection(tmp_path: Path, own_model: Path) -> None:
    with lookalike.open("photos", model=own_model) as collection:
        image_id = collection.add(write(tmp_path / "a.png", 1))
        (hit,) = collection.search(str(tmp_path / "a.png"))
        assert (hit.id, round(hit.similarity, 3), collection.info().dimension) == (image_id, 1.0, 3)

    own_model.unlink()
    with lookalike.open("photos", read_only=True) as collection:
        (hit,) = collection.search(str(tmp_path / "a.png"))
        assert (hit.id, round(hit.similarity, 3)) == (image_id, 1.0)
    with pytest.raises(WrongModel):
        lookalike.open("photos", model="int8")


def test_a_file_that_was_moved_away_is_not_needed_though_it_is_still_named(
    tmp_path: Path, own_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with lookalike.open("photos", model=own_model) as collection:
        image_id = collection.add(write(tmp_path / "a.png", 1))
    own_model.rename(tmp_path / "elsewhere.onnx")
    monkeypatch.setenv("LOOKALIKE_MODEL", str(own_model))

    with lookalike.open("photos") as collection:
        assert [hit.id for hit in collection.search(str(tmp_path / "a.png"))] == [image_id]
        collection.add(write(tmp_path / "b.png", 2))
    assert "the collection's own copy of its model is used" in caplog.text
    with pytest.raises(ModelUnavailable, match="there is no such file"):
        lookalike.open("new")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_collection_that_does_not_keep_its_model_yet_does_so_when_it_is_opened_for_writing(
    tmp_path: Path, own_model: Path, read_only: bool
) -> None:
    with lookalike.open("photos", model=own_model) as collection:
        collection.add(write(tmp_path / "a.png", 1))
        kept = Path("photos", "models", f"{collection.info().model}.onnx")
    kept.unlink()  # as earlier versions left it

    with lookalike.open("photos", model=own_model, read_only=read_only) as collection:
        assert len(collection) == 1
    assert kept.exists() is not read_only
    if not read_only:
        assert kept.read_bytes() == own_model.read_bytes()


def test_a_model_that_comes_with_the_install_is_made_from_it_and_not_kept(tmp_path: Path) -> None:
    with lookalike.open("photos") as collection:
        collection.add(write(tmp_path / "a.png", 1))
        assert collection.models.file().id == MODEL_IDS["int8"]
    assert not Path("photos", "models").exists()
    for made in (tmp_path / "user cache").glob("*.onnx"):
        made.unlink()
    with lookalike.open("photos", read_only=True) as collection:
        assert len(collection.search(str(tmp_path / "a.png"))) == 1


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # of the one that is dropped without an end
def test_collections_of_one_model_share_one_session(
    tmp_path: Path, own_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, many, opened = 3, 8, []

    class Counted(OnnxEmbedder):
        def __init__(self, model: ModelFile) -> None:
            super().__init__(model)
            opened.append(weakref.ref(self._session))

    def sessions() -> int:
        gc.collect()
        return sum(one() is not None for one in opened)

    monkeypatch.setattr(onnx, "OnnxEmbedder", Counted)
    picture = write(tmp_path / "a.png", 1)
    named = [lookalike.open(f"own {k}", model=own_model) for k in range(n)]
    default = [lookalike.open(f"default {k}") for k in range(many)]
    for collection in [*named, *default]:
        assert len(collection.embed(str(picture))) == 1
    assert (len(opened), sessions()) == (2, 2)
    for collection in [*named, *default[1:]]:
        collection.close()
    assert sessions() == 1
    assert len(default[0].embed(str(picture))) == 1
    del collection, default
    assert sessions() == 0


def test_a_model_that_was_not_kept_must_be_named_again_and_a_damaged_one_is_not_used(
    tmp_path: Path, own_model: Path
) -> None:
    with lookalike.open("photos", model=own_model) as collection:
        collection.add(write(tmp_path / "a.png", 1))
        model_id = collection.info().model
    kept = Path("photos", "models", f"{model_id}.onnx")
    kept.write_bytes(b"other bytes")

    with lookalike.open("photos") as collection, pytest.raises(ModelUnavailable, match=r"damaged.*--model"):
        collection.search(str(tmp_path / "a.png"))
    kept.unlink()
    with pytest.raises(WrongModel, match="name its file, with --model or LOOKALIKE_MODEL"):
        lookalike.open("photos")
    with lookalike.open("photos", model=str(own_model)) as collection:
        assert len(collection) == 1
    with lookalike.open("photos") as collection:
        assert len(collection.search(str(tmp_path / "a.png"))) == 1


def test_a_model_that_is_not_there_lists_what_there_is() -> None:
    with pytest.raises(ModelUnavailable, match=r"expected auto, int8, fp32, fine or the path of an ONNX file.*'int4'"):
        lookalike.open("photos", model="int4")


def test_an_impossible_setting_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for setting in ({"projection": "on"}, {"threads": 0}, {"model": ""}):
        with pytest.raises(BadInput):
            lookalike.open("photos", **setting)
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize("model", ["int8", "fp32"])
def test_from_folder_to_answer_with_the_model_that_comes_with_the_install(tmp_path: Path, model: str) -> None:
    N = 4
    files = album(tmp_path / "photos", N)
    with lookalike.open("collection", model=model) as collection:
        assert collection.index("photos").added == N

    with lookalike.open("collection", read_only=True) as collection:
        result = collection.search(str(files[2]), k=2)
        vectors = collection.embed(*files)
    assert (result[0].path, len(result)) == (str(files[2]), 2)
    assert result[0].similarity == pytest.approx(1, abs=0.002)
    assert vectors.shape == (N, 1280)
    assert vectors.dtype == np.float32
    assert len(list((tmp_path / "user cache").glob("*.onnx"))) == 1


def test_of_a_collection_that_is_a_link_only_the_link_is_removed(tmp_path: Path) -> None:
    behind, place = tmp_path / "behind", tmp_path / "collections"
    place.mkdir()
    catalogs = served_catalogs(tmp_path)
    with lookalike.open(behind):
        pass
    (place / "photos").symlink_to(behind)
    catalogs.drop("photos")
    assert list(place.iterdir()) == []
    assert (behind / "catalog.sqlite").is_file()
    (place / ".photos.0a0a0a0a.removed").symlink_to(behind)
    catalogs.sweep(before=time.time() + 60)
    assert list(place.iterdir()) == []
    assert (behind / "catalog.sqlite").is_file()


def test_what_a_removal_left_that_was_cut_off_is_swept_and_nothing_else(tmp_path: Path) -> None:
    catalogs, place = served_catalogs(tmp_path), tmp_path / "collections"
    for name in (".photos.0a0a0a0a.removed", "photos", ".other"):
        (place / name).mkdir(parents=True)
        (place / name / "catalog.sqlite").write_bytes(b"kept")
    catalogs.sweep(before=time.time() - 60)
    assert len(list(place.iterdir())) == 3  # it may be under way
    catalogs.sweep(before=time.time() + 60)
    assert {path.name for path in place.iterdir()} == {"photos", ".other"}
    assert catalogs.names() == ["photos"]
    served_catalogs(tmp_path / "none").sweep(before=time.time())
