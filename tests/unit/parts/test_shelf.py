"""A collection finds its models again by name, and no other model in their place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog.base import MAIN, Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput, BadQuery, ModelUnavailable, StorageFailed, WrongModel
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.parts.shelf import ModelShelf

OWN_ID = FakeEmbedder(dimension=9, seed=99).card.id


class FileEmbedder(FakeEmbedder):
    """Its id is the hash of its file, as a real one's."""

    def __init__(self, data: bytes) -> None:
        super().__init__(dimension=5, seed=len(data))
        self._card = replace(self._card, id=hashlib.sha256(data).hexdigest())


class Opening:
    """Opens `own` and files; counts."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, source: str) -> Embedder:
        self.opened.append(source)
        if source == "own":
            return FakeEmbedder(dimension=9, seed=99)
        if not Path(source).is_file():
            raise ModelUnavailable(f"there is no such file: {source}")
        return FileEmbedder(Path(source).read_bytes())


@pytest.fixture
def opening() -> Opening:
    return Opening()


@pytest.fixture
def catalog() -> Catalog:
    made = MemoryCatalog()
    made.claim_model(FakeEmbedder().card.id, 16)
    return made


@pytest.fixture
def new_shelf(catalog: Catalog, opening: Opening, tmp_path: Path) -> Callable[[], ModelShelf]:
    """A shelf as the next process would have it."""
    return lambda: ModelShelf(
        catalog, FakeEmbedder(), folder=tmp_path / "models", open_model=opening, own_models={"own": OWN_ID}
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"my model")
    return path


def kept(tmp_path: Path) -> list[bytes]:
    folder = tmp_path / "models"
    return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


def test_main_is_the_collections_own(new_shelf: Callable[[], ModelShelf], opening: Opening) -> None:
    assert new_shelf().embedder(MAIN).card.id == FakeEmbedder().card.id
    assert opening.opened == []


def test_an_added_model_is_there_after_its_file_is_gone(
    new_shelf: Callable[[], ModelShelf], file: Path, catalog: Catalog
) -> None:
    added = new_shelf().add("fine", str(file))
    file.unlink()

    again = new_shelf().embedder("fine")

    assert again.card == added.card
    assert [(one.name, one.model_id, one.dimension) for one in catalog.further_models()] == [("fine", added.card.id, 5)]
    picture = np.zeros((8, 8, 3), np.uint8)
    np.testing.assert_array_equal(again.embed([picture]), added.embed([picture]))


def test_adding_twice_is_adding_once(
    new_shelf: Callable[[], ModelShelf], file: Path, catalog: Catalog, tmp_path: Path
) -> None:
    shelf = new_shelf()
    for one in (shelf, shelf, new_shelf()):
        one.add("fine", str(file))
    assert len(catalog.further_models()) == 1
    assert kept(tmp_path) == [b"my model"]


def test_a_model_is_opened_when_it_is_first_needed_and_once(
    new_shelf: Callable[[], ModelShelf], file: Path, opening: Opening
) -> None:
    new_shelf().add("fine", str(file))
    opening.opened.clear()
    shelf = new_shelf()
    assert opening.opened == []
    assert shelf.embedder("fine") is shelf.embedder("fine")
    assert len(opening.opened) == 1


def test_a_model_of_the_install_is_opened_by_its_name_and_needs_no_file(
    new_shelf: Callable[[], ModelShelf], opening: Opening, tmp_path: Path
) -> None:
    new_shelf().add("fine", "own")
    assert new_shelf().embedder("fine").card.id == OWN_ID
    assert opening.opened == ["own", "own"]
    assert kept(tmp_path) == []


def test_an_unknown_name_is_told_the_known_ones(new_shelf: Callable[[], ModelShelf], file: Path) -> None:
    shelf = new_shelf()
    shelf.add("fine", str(file))
    with pytest.raises(BadQuery, match=r"\(main, fine\), got 'coarse'"):
        shelf.embedder("coarse")


def test_a_missing_file_is_told_with_what_brings_it_back(
    new_shelf: Callable[[], ModelShelf], file: Path, tmp_path: Path
) -> None:
    new_shelf().add("fine", str(file))
    for path in (tmp_path / "models").iterdir():
        path.unlink()
    with pytest.raises(ModelUnavailable, match="lookalike model add fine FILE"):
        new_shelf().embedder("fine")
    new_shelf().add("fine", str(file))
    assert new_shelf().embedder("fine").card.dimension == 5


def test_another_file_under_the_id_is_noticed_and_replaced_by_adding_again(
    new_shelf: Callable[[], ModelShelf], file: Path, tmp_path: Path
) -> None:
    new_shelf().add("fine", str(file))
    (path,) = (tmp_path / "models").iterdir()
    path.write_bytes(b"another model")
    with pytest.raises(WrongModel, match="holds another model"):
        new_shelf().embedder("fine")
    new_shelf().add("fine", str(file))
    assert new_shelf().embedder("fine").card.id == hashlib.sha256(b"my model").hexdigest()


def test_a_name_that_belongs_to_another_model_stays_with_it(
    new_shelf: Callable[[], ModelShelf], file: Path, tmp_path: Path
) -> None:
    shelf = new_shelf()
    first = shelf.add("fine", str(file))
    (tmp_path / "other.onnx").write_bytes(b"another")
    with pytest.raises(WrongModel):
        shelf.add("fine", str(tmp_path / "other.onnx"))
    assert shelf.embedder("fine").card == first.card
    assert kept(tmp_path) == [b"my model"]


@pytest.mark.parametrize("name", ["main", "", "two words", "../up", "1st", "x" * 65])
def test_a_name_that_can_be_none_is_refused_and_nothing_is_kept(
    new_shelf: Callable[[], ModelShelf], file: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadInput):
        new_shelf().add(name, str(file))
    assert kept(tmp_path) == []


def test_a_file_that_changes_while_it_is_added_is_not_kept_as_what_it_was(
    catalog: Catalog, file: Path, tmp_path: Path, opening: Opening
) -> None:
    def open_and_change(source: str) -> Embedder:
        opened = opening(source)
        file.write_bytes(b"changed")
        return opened

    shelf = ModelShelf(catalog, FakeEmbedder(), folder=tmp_path / "models", open_model=open_and_change, own_models={})
    with pytest.raises(ModelUnavailable, match="changed while"):
        shelf.add("fine", str(file))
    assert kept(tmp_path) == []


def test_a_disk_that_cannot_be_written_leaves_no_half_of_a_file(
    new_shelf: Callable[[], ModelShelf], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        new_shelf().add("fine", str(file))
    assert kept(tmp_path) == []


def test_in_memory_a_model_lives_as_long_as_the_shelf(catalog: Catalog, file: Path, opening: Opening) -> None:
    def shelf() -> ModelShelf:
        return ModelShelf(catalog, FakeEmbedder(), folder=None, open_model=opening, own_models={"own": OWN_ID})

    first = shelf()
    first.add("fine", str(file))
    first.add("ours", "own")
    assert first.embedder("fine").card.dimension == 5
    assert shelf().embedder("ours").card.dimension == 9
    with pytest.raises(ModelUnavailable):
        shelf().embedder("fine")


def test_a_model_that_was_opened_is_at_hand_when_the_collection_gets_to_know_it(
    catalog: Catalog, new_shelf: Callable[[], ModelShelf], file: Path
) -> None:
    shelf = new_shelf()
    opened = shelf.open(str(file))
    catalog.add_further_model("fine", opened.card.id, opened.card.dimension)
    assert shelf.embedder("fine") is opened
