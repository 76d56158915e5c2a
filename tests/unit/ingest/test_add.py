"""One picture at a time goes in, by its file or by its bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.core.errors import ImageRefused
from lookalike.embedding import files as embed_files
from lookalike.ingest.add import add_bytes, add_file
from tests.catalogs import known_ids
from tests.collections import CountingEmbedder, new_parts, png, touch, write, write_bytes


def test_a_file_is_added_once_and_read_again_only_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = new_parts()
    path = write(tmp_path / "a.png", 1)
    image_id = add_file(path, parts, metadata={"label": "a"})

    with monkeypatch.context() as patched:
        patched.setattr(embed_files, "read_file", None)
        assert add_file(path, parts, metadata={"n": 1}) == image_id
    assert parts.catalog.images([image_id])[image_id].metadata == {"label": "a", "n": 1}

    touch(path, 5_000_000_000)
    assert add_file(path, parts, metadata={}) == image_id
    other = add_file(write(path, 2), parts, metadata={})
    assert known_ids(parts.catalog) == {other}
    assert other != image_id


def test_a_renamed_file_is_the_same_picture(tmp_path: Path) -> None:
    parts = new_parts()
    image_id = add_file(write(tmp_path / "a.png", 1), parts, metadata={})
    (tmp_path / "a.png").rename(tmp_path / "b.jpg.whatever")

    assert add_file(tmp_path / "b.jpg.whatever", parts, metadata={}) == image_id
    assert [file.path for file in parts.catalog.files()] == [str(tmp_path / "b.jpg.whatever")]


def test_what_cannot_be_used_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    parts = new_parts()
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder/a.png", 1)
    for path, code in [
        (write_bytes(tmp_path / "broken.png", b"no picture"), "not_an_image"),
        (tmp_path / "nothing.png", "vanished"),
        (tmp_path / "folder", "not_a_file"),
    ]:
        with pytest.raises(ImageRefused, match=f"{path.name}: ") as refused:
            add_file(path, parts, metadata={})
        assert refused.value.code == code
    with pytest.raises(ImageRefused):
        add_bytes(b"no picture", parts, metadata={})
    assert parts.catalog.facts().images == 0
    assert list(parts.objects.ids()) == []


def test_bytes_are_added_once_and_computed_once() -> None:
    embedder = CountingEmbedder()
    parts = new_parts(embedder=embedder)

    first = add_bytes(png(1), parts, metadata={"a": 1})
    second = add_bytes(png(1), parts, metadata={"b": 2})

    assert first == second
    assert embedder.pictures == 1
    assert parts.catalog.images([first])[first].metadata == {"a": 1, "b": 2}
    assert parts.objects.get(first) == png(1)


def test_bytes_of_an_indexed_file_are_kept_too_and_survive_it(tmp_path: Path) -> None:
    parts = new_parts()
    path = write(tmp_path / "a.png", 1)
    image_id = add_file(path, parts, metadata={"label": "a"})

    assert add_bytes(png(1), parts, metadata={}) == image_id
    add_file(write(path, 2), parts, metadata={})

    assert image_id in known_ids(parts.catalog)
    assert parts.catalog.images([image_id])[image_id].metadata == {"label": "a"}


def test_bytes_of_a_provisional_picture_are_embedded_and_it_is_no_longer_provisional() -> None:
    embedder = CountingEmbedder()
    parts = new_parts(embedder=embedder)
    image_id = add_bytes(png(1), parts, metadata={"a": 1})
    ours = parts.catalog.vectors([1]).vectors
    provisional = replace(parts.catalog.images([image_id])[image_id], provisional=True)
    with parts.catalog.transaction() as transaction:
        transaction.put_images([provisional], -ours)

    assert add_bytes(png(1), parts, metadata={"b": 2}) == image_id
    stored = parts.catalog.images([image_id])[image_id]
    assert (stored.provisional, stored.metadata, embedder.pictures) == (False, {"a": 1, "b": 2}, 2)
    assert parts.catalog.vectors([1]).vectors.tolist() == ours.tolist()
