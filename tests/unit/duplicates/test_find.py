"""Which pictures are called duplicates, of what kind, and which comes first."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput
from lookalike.core.filters import Filter
from lookalike.core.vectors import Pixels
from lookalike.duplicates import comparing
from lookalike.duplicates.candidates import MOST, NEAREST, candidates
from lookalike.duplicates.find import find_duplicates
from lookalike.duplicates.result import DuplicateGroup, DuplicateKind, Duplicates
from lookalike.images.copies.look import Look, look
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.unit.small_collection import encoded, new_catalog, picture, put

BYTE, PIXEL, NEAR = DuplicateKind


@pytest.fixture
def catalog() -> MemoryCatalog:
    return new_catalog()


def found(catalog: Catalog, **options: Any) -> Duplicates:
    def content(image_id: str) -> bytes | None:
        for file in catalog.files_of([image_id])[image_id]:
            if Path(file.path).exists():
                return Path(file.path).read_bytes()
        return None

    return find_duplicates(
        catalog,
        LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off")),
        pictures=content,
        **options,
    )


def told(groups: list[DuplicateGroup]) -> list[list[tuple[str, DuplicateKind]]]:
    return [[(Path(member.path or "-").name, member.kind) for member in group.members] for group in groups]


def test_each_kind_of_copy_is_told_by_its_name_and_the_best_comes_first(catalog: MemoryCatalog, tmp_path: Path) -> None:
    original = picture(1)
    png = encoded(original, "PNG")
    put(catalog, tmp_path / "original.png", png)
    put(catalog, tmp_path / "copy of original.png", png)
    put(catalog, tmp_path / "smaller file.png", encoded(original, "PNG", compress_level=9))
    put(catalog, tmp_path / "quality 30.jpg", encoded(original, quality=30))
    put(catalog, tmp_path / "quarter.jpg", encoded(original.resize((60, 60))))
    put(catalog, tmp_path / "large.jpg", encoded(picture(2, side=200), quality=90))
    put(catalog, tmp_path / "small.jpg", encoded(picture(2, side=100), quality=90))
    for seed in range(3, 12):
        put(catalog, tmp_path / f"{seed}.jpg", encoded(picture(seed)))
    os.utime(tmp_path / "copy of original.png", ns=(1, 1))
    put_again = (tmp_path / "copy of original.png").stat()
    assert put_again.st_mtime_ns == 1  # changed since it was taken in, so it is no longer known to be the same
    groups = found(catalog)
    assert [(group[0], sorted(group[1:])) for group in told(groups)] == [
        (("large.jpg", BYTE), [("small.jpg", NEAR)]),
        (("original.png", BYTE), [("quality 30.jpg", NEAR), ("quarter.jpg", NEAR), ("smaller file.png", PIXEL)]),
    ]
    assert [group.kind for group in groups] == [NEAR, NEAR]
    assert all(0.9 < member.similarity <= 1 for group in groups for member in group.members)


def test_of_files_with_the_same_bytes_the_oldest_comes_first(catalog: MemoryCatalog, tmp_path: Path) -> None:
    data = encoded(picture(1))
    for name in ("a.jpg", "b.jpg"):
        put(catalog, tmp_path / name, data)
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    put_known_again(catalog, tmp_path / "b.jpg")
    groups = found(catalog)
    assert told(groups) == [[("b.jpg", BYTE), ("a.jpg", BYTE)]]
    assert groups[0].kind is BYTE
    assert {member.similarity for member in groups[0].members} == {1.0}


def put_known_again(catalog: MemoryCatalog, path: Path) -> None:
    known = catalog.file(str(path))
    assert known is not None
    with catalog.transaction() as transaction:
        transaction.put_files([replace(known, mtime_ns=path.stat().st_mtime_ns)])


def test_a_file_by_two_names_and_a_file_that_is_gone_are_no_duplicates(catalog: MemoryCatalog, tmp_path: Path) -> None:
    data = encoded(picture(1))
    put(catalog, tmp_path / "a.jpg", data)
    os.link(tmp_path / "a.jpg", tmp_path / "hard.jpg")
    os.symlink(tmp_path / "a.jpg", tmp_path / "0 soft.jpg")
    put(catalog, tmp_path / "gone.jpg", data)
    put(catalog, tmp_path / "gone too.jpg", encoded(picture(1), quality=30))
    known = catalog.file(str(tmp_path / "a.jpg"))
    assert known is not None
    with catalog.transaction() as transaction:
        names = ("hard.jpg", "0 soft.jpg")
        transaction.put_files([replace(known, path=str(tmp_path / name)) for name in names])
    (tmp_path / "gone.jpg").unlink()
    (tmp_path / "gone too.jpg").unlink()
    assert found(catalog) == []


def test_pictures_without_a_file_are_found_by_their_bytes(catalog: MemoryCatalog, tmp_path: Path) -> None:
    contents = {}
    for data in (encoded(picture(1), "PNG"), encoded(picture(1), "BMP"), encoded(picture(2), "PNG")):
        contents[put(catalog, None, data)] = data
    view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off"))
    groups = find_duplicates(catalog, view, pictures=contents.get)
    assert told(groups) == [[("-", BYTE), ("-", PIXEL)]]
    assert find_duplicates(catalog, view, pictures=lambda _: None) == []
    assert find_duplicates(catalog, view, pictures=lambda _: b"rubbish") == []


def test_blank_pictures_are_duplicates_only_pixel_by_pixel(catalog: MemoryCatalog, tmp_path: Path) -> None:
    put(catalog, tmp_path / "white.png", encoded(Image.new("RGB", (50, 50), "white"), "PNG"))
    put(catalog, tmp_path / "white.bmp", encoded(Image.new("RGB", (50, 50), "white"), "BMP"))
    put(catalog, tmp_path / "nearly white.png", encoded(Image.new("RGB", (50, 50), (255, 255, 250)), "PNG"))
    put(catalog, tmp_path / "larger white.png", encoded(Image.new("RGB", (60, 60), "white"), "PNG"))
    assert told(found(catalog)) == [[("white.png", BYTE), ("white.bmp", PIXEL)]]


def test_a_filter_chooses_pictures_and_files(catalog: MemoryCatalog, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    put(catalog, tmp_path / "in/a.png", encoded(picture(1), "PNG"))
    put(catalog, tmp_path / "in/b.jpg", encoded(picture(1)))
    put(catalog, tmp_path / "a.png", encoded(picture(1), "PNG"))
    inside = Filter.from_json({"folder": str(tmp_path / "in")})
    assert told(found(catalog, where=inside)) == [[("a.png", BYTE), ("b.jpg", NEAR)]]
    assert found(catalog, where=Filter.from_json({"format": "jpeg"})) == []


def test_members_resemble_the_first_and_not_each_other_in_a_chain(tmp_path: Path, catalog: MemoryCatalog) -> None:
    levels = np.asarray(picture(1), np.float32) * 0.8
    for step in range(8):  # each is a little brighter than the one before, the last is another picture than the first
        put(catalog, tmp_path / f"{step}.png", encoded(Image.fromarray((levels + 2 * step).astype(np.uint8)), "PNG"))
    groups = found(catalog)
    assert len(groups) > 1
    for group in groups:
        first, *others = [np.asarray(Image.open(member.path or "")) for member in group.members]
        assert all(look(first, other).is_copy for other in others)


def test_it_tells_how_far_it_is_and_gives_the_same_answer_again(catalog: MemoryCatalog, tmp_path: Path) -> None:
    N = 7
    for seed in range(N):
        put(catalog, tmp_path / f"{seed}.png", encoded(picture(seed // 2), ("PNG", "BMP")[seed % 2]))
    told_progress: list[tuple[int, int]] = []
    first = found(catalog, progress=lambda done, total: told_progress.append((done, total)))
    assert told_progress[-1] == (N, N)
    assert first == found(catalog, threads=1)
    assert len(first) == 3


def test_pages_of_one_template_are_not_each_compared_with_each_and_that_is_told(
    catalog: MemoryCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    N, most = 20, 4
    monkeypatch.setattr(comparing, "MOST_IN_VAIN", most)
    monkeypatch.setattr(comparing, "_AT_ONCE", 2)
    looks: list[None] = []

    def counted(ours: Pixels, theirs: Pixels) -> Look:
        looks.append(None)
        return look(ours, theirs)

    monkeypatch.setattr(comparing, "look", counted)
    for n in range(N):
        page = picture(1, side=320)
        ImageDraw.Draw(page).text((90, 90), f"No. {1000 + n}", fill="black", font=ImageFont.load_default(18))
        put(catalog, tmp_path / f"{n:02d}.png", encoded(page, "PNG"))
        if n == 7:
            put(catalog, tmp_path / "same.bmp", encoded(page, "BMP"))
    groups = found(catalog)
    assert told(groups) == [[("07.png", BYTE), ("same.bmp", PIXEL)]]
    assert N * most / 2 < len(looks) <= (N + 1) * (most + 2)
    assert N / 2 < groups.not_compared <= N + 1
    monkeypatch.setattr(comparing, "MOST_IN_VAIN", N)
    assert found(catalog).not_compared == 0


def test_an_empty_collection_has_none_and_a_threshold_is_a_cosine(catalog: MemoryCatalog) -> None:
    assert found(catalog) == []
    with pytest.raises(BadInput, match="threshold"):
        found(catalog, threshold=1.5)


@pytest.mark.parametrize("N", [1, 2, 30, 700])
def test_candidates_are_those_of_a_naive_loop(N: int) -> None:
    D, threshold = 8, 0.6
    vectors = np.random.default_rng(N).normal(size=(N, D)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[N // 2 :: 7] = vectors[N // 2]  # ties
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -2)
    expected = set()
    for n in range(N):
        best = np.argsort(-similarities[n], kind="stable")[: min(MOST, N - 1)].tolist()
        for rank, j in enumerate(best):
            if similarities[n, j] >= threshold and (rank < NEAREST or similarities[n, j] >= 0.97):
                expected.add((min(n, j), max(n, j)))
    blocks = list(candidates(vectors, threshold=threshold))
    pairs = {pair for block in blocks for pair in zip(block.first.tolist(), block.second.tolist(), strict=True)}
    assert blocks[-1].rows_done == N
    # sums in blocks of another size differ in the last bit, which may move a pair across a limit
    assert len(pairs ^ expected) <= len(expected) // 100
