"""The second reranker by local features: copies are known by one view, and nothing else is."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.altered_copies.alterations import ALTERATIONS
from lookalike.core.errors import MissingExtra
from lookalike.core.vectors import Pixels
from lookalike.images.encode import png_bytes
from lookalike.images.features.homography import project
from lookalike.search.local_features import HIT_SIDE, LocalFeatures, why
from lookalike.search.reranking import Reranked, Reranker
from tests.photos import some_photos
from tests.unit.images.shapes import shapes

pytest.importorskip("cv2", reason="needs the extra features")

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "finds", "an", "honest", "index"]
FLAT = np.full((200, 300, 3), 120, np.uint8)


def altered(pixels: Pixels, name: str) -> Pixels:
    return np.asarray(ALTERATIONS[name](Image.fromarray(pixels), random.Random(name)).convert("RGB")).copy()


def text_page(seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", (500, 360), "white")
    for top in range(10, 340, 22):
        words = rng.choice(WORDS, 8)
        ImageDraw.Draw(page).text((10, top), " ".join(words), fill="black", font=ImageFont.load_default(16))
    return np.asarray(page).copy()


def checkerboard(cell: int, *, shift: int = 0) -> Pixels:
    squares = ((np.indices((300, 400)) + shift) // cell).sum(axis=0) % 2 * 255
    return np.repeat(squares[:, :, None], 3, axis=2).astype(np.uint8)


def rerank_hits(query: Pixels, *hits: Pixels) -> list[Reranked]:
    files = {f"{n}": png_bytes(hit) for n, hit in enumerate(hits)}
    reranker: Reranker = LocalFeatures(pictures=files.get)
    return reranker.rerank(query, list(files))


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_copy_agrees_and_another_picture_does_not(name: str) -> None:
    original = shapes(seed=1)
    same, other = rerank_hits(altered(original, name), original, shapes(seed=2))
    assert same.similarity is not None
    assert same.similarity > 0.5
    assert same.reason.endswith("points agree on one view")
    assert other.similarity == 0.0


def test_opinions_come_in_order_and_what_cannot_be_compared_says_why() -> None:
    original = shapes(seed=1)
    data = {"plain": png_bytes(FLAT), "broken": b"\xff\xd8\xff junk", "same": png_bytes(original)}
    asked = ["gone", "same", "broken", "same", "plain"]
    gone, same, broken, again, plain = LocalFeatures(pictures=data.get).rerank(original, asked)
    assert (gone.similarity, broken.similarity, plain.similarity) == (None, None, None)
    assert gone.reason == "the picture is gone"
    assert "cannot be used" in broken.reason
    assert "the picture is too plain to compare: 0 points" in plain.reason
    assert same == again
    assert same.similarity is not None


def test_a_query_too_plain_is_compared_with_nothing_and_looks_at_nothing() -> None:
    def nothing(_: str) -> bytes:
        raise AssertionError

    reranked = LocalFeatures(pictures=nothing).rerank(FLAT, ["a", "b"])
    assert [reranker.similarity for reranker in reranked] == [None, None]
    assert "the query is too plain" in reranked[0].reason
    assert LocalFeatures(pictures=nothing).rerank(shapes(seed=1), []) == []


def test_a_picture_is_read_once_and_one_that_came_back_is_read_again() -> None:
    read: list[str] = []
    data: dict[str, bytes] = {"a": png_bytes(shapes(seed=1))}

    def pictures(image_id: str) -> bytes | None:
        read.append(image_id)
        return data.get(image_id)

    features = LocalFeatures(pictures=pictures, threads=1)
    query = shapes(seed=1)
    first = features.rerank(query, ["a", "b"])
    data["b"] = data["a"]
    second = features.rerank(query, ["a", "b"])
    assert read == ["a", "b", "b"]
    assert first[0] == second[0] == second[1]
    assert first[1].similarity is None


def test_many_threads_get_the_same_opinions_as_one() -> None:
    data = {str(seed): png_bytes(shapes(seed=seed)) for seed in range(6)}
    queries = [altered(shapes(seed=seed), "crop of half the area") for seed in range(6)]
    expected = [LocalFeatures(pictures=data.get, threads=1).rerank(query, list(data)) for query in queries]
    shared = LocalFeatures(pictures=data.get, threads=3, cache_bytes=150_000)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda query: shared.rerank(query, list(data)), queries)) == expected


def test_why_gives_points_and_view_in_the_pixels_of_each_picture() -> None:
    left, top, width, height = 210, 130, 700, 500
    hit = shapes(seed=3, width=1300, height=900, count=700)
    query = np.ascontiguousarray(hit[top : top + height, left : left + width])
    match = why(query, hit)
    assert match.agreeing.sum() > 50
    moved = match.hit[match.agreeing] - match.query[match.agreeing]
    seen = 1_300 / HIT_SIDE  # of the hit's own pixels are one where its points are found
    np.testing.assert_allclose(np.median(moved, axis=0), (left, top), atol=seen / 2)
    corners = np.array([(0.0, 0), (width, 0), (width, height), (0, height)])
    assert match.homography is not None
    np.testing.assert_allclose(project(match.homography, corners), corners + np.array([left, top]), atol=2 * seen)
    assert match.query.shape == match.hit.shape == (len(match.agreeing), 2)
    assert match.reason == f"{match.agreeing.sum()} of {len(match.agreeing)} points agree on one view"


def test_why_is_the_same_each_time() -> None:
    query, hit = altered(shapes(seed=4), "screenshot with a border"), shapes(seed=4)
    first, second = why(query, hit), why(query, hit)
    for name in ("query", "hit", "agreeing", "homography"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_mirrored_picture_does_not_match_and_why_says_that_it_is_mirrored() -> None:
    original = shapes(seed=5)
    match = why(np.ascontiguousarray(original[:, ::-1]), original)
    assert match.similarity == 0.0
    assert match.homography is None
    assert "mirrored they would match" in match.reason


def test_identical_pictures_match_by_nearly_all_their_points() -> None:
    match = why(shapes(seed=6), shapes(seed=6))
    assert match.agreeing.mean() > 0.9  # the hit is seen smaller than the query
    assert match.homography is not None
    corners = np.array([(0.0, 0), (420, 0), (420, 320), (0, 320)])
    np.testing.assert_allclose(project(match.homography, corners), corners, atol=2)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: text_page(1), lambda: text_page(2)),
        (lambda: checkerboard(20), lambda: checkerboard(7, shift=3)),
        (lambda: np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8), lambda: checkerboard(9)),
        (lambda: shapes(seed=7), lambda: text_page(3)),
    ],
    ids=["two pages of text", "checkerboards", "noise and a checkerboard", "shapes and text"],
)
def test_repeated_texture_is_no_view(ours: Callable[[], Pixels], theirs: Callable[[], Pixels]) -> None:
    assert not why(ours(), theirs()).similarity


@pytest.mark.parametrize("size", [(1, 1), (8, 8000), (8000, 8), (7, 7), (2, 640)])
def test_pictures_of_any_size_get_an_answer(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    match = why(noise, shapes(seed=1))
    assert match.similarity is None
    assert "the query is too plain" in match.reason
    assert len(match.query) == len(match.hit) == len(match.agreeing) == 0
    assert "the picture is too plain" in why(shapes(seed=1), noise).reason


def test_of_real_photos_all_crops_match_and_no_strangers() -> None:
    photos = some_photos(12)
    data = {str(n): png_bytes(photo) for n, photo in enumerate(photos)}
    features = LocalFeatures(pictures=data.get)
    for n, photo in enumerate(photos):
        reranked = features.rerank(altered(photo, "crop of half the area"), list(data))
        assert [m for m, reranker in enumerate(reranked) if reranker.similarity] == [n]


def test_without_opencv_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[features\]'"):
        LocalFeatures(pictures={}.get)
