"""A picture is never taken for a vector, nor a vector for a picture; what could be either is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.collection import Collection
from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch, ImageRefused, LookalikeError
from lookalike.results import SearchResult
from lookalike.search.query_forms import as_queries
from tests.collections import CountingEmbedder, D, album, new_collection, picture, png

COUNT = 6


class Tensor:
    """Gives an array as libraries other than numpy do."""

    def __init__(self, values: Any, *, why_not: str = "") -> None:
        self._values, self._why_not = values, why_not

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self._why_not:
            raise TypeError(self._why_not)
        return np.asarray(self._values, dtype)


class Embedder(CountingEmbedder):
    """Counts its calls."""

    calls = 0

    def embed(self, images: Any) -> Any:
        self.calls += 1
        return super().embed(images)


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def photos(embedder: Embedder, tmp_path: Path) -> Iterator[Collection]:
    with new_collection(embedder=embedder) as made:
        album(tmp_path, COUNT)
        made.index(tmp_path)
        yield made


def names(results: Any) -> list[str]:
    return [Path(result[0].path).name for result in results]


def test_what_embed_gives_can_be_searched_for(photos: Collection, tmp_path: Path) -> None:
    for n in range(COUNT):
        vectors = photos.embed(tmp_path / f"{n}.png")
        assert vectors.shape == (1, D)
        row, one = photos.search(vectors, k=3), photos.search(vectors[0], k=3)
        assert isinstance(row, SearchResult)
        assert [hit.similarity for hit in row] == [hit.similarity for hit in one]
        assert names([row]) == [f"{n}.png"]
        assert row[0].similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "form",
    [
        lambda v: v,
        lambda v: v[None],
        lambda v: v.astype(np.float64),
        lambda v: v.astype(np.float64)[None],
        lambda v: v.astype(np.float16),
        lambda v: v.astype(np.longdouble),
        lambda v: v.astype(">f8"),
        lambda v: np.asfortranarray(np.stack([v, v]))[:1],
        lambda v: np.repeat(v, 2)[::2],
        lambda v: (v * 1e6).astype(np.int64),
        lambda v: (v * 1e6).astype(np.int32)[None],
        lambda v: (v * 127).astype(np.int8),
        lambda v: v.tolist(),
        lambda v: tuple(v),
        lambda v: [np.float32(number) for number in v],
        lambda v: v.astype(object),
        lambda v: Tensor(v),
        lambda v: Tensor(v[None]),
        lambda v: v * 1e-20,
        lambda v: v * np.float32(1e20),
    ],
)
def test_a_vector_may_come_in_any_form(photos: Collection, tmp_path: Path, form: Any) -> None:
    vector = photos.embed(tmp_path / "2.png")[0]
    result = photos.search(form(vector), k=1)
    assert isinstance(result, SearchResult)
    assert (names([result]), result.query) == (["2.png"], "a vector")


def test_several_vectors_give_several_results(photos: Collection, tmp_path: Path) -> None:
    vectors = photos.embed(*(tmp_path / f"{n}.png" for n in range(COUNT)))
    expected = [f"{n}.png" for n in range(COUNT)]
    for several in (vectors, vectors.astype(np.float64), list(vectors), vectors.tolist(), Tensor(vectors)):
        results = photos.search(several, k=2)
        assert isinstance(results, list)
        assert names(results) == expected
    assert photos.search(vectors[:0]) == photos.search([]) == photos.search(()) == []
    assert len(photos.search([vectors[0]])) == len(photos.search([vectors[:1]])) == 1


def test_several_queries_of_all_forms_are_embedded_together_and_answered_in_order(
    photos: Collection, embedder: Embedder, tmp_path: Path
) -> None:
    vector = photos.embed(tmp_path / "3.png")
    (image_id,) = (hit.id for hit in photos.search(tmp_path / "1.png", k=1))
    queries = [
        tmp_path / "0.png",
        image_id,
        str(tmp_path / "2.png"),
        vector,
        png(4),
        np.asarray(picture(5)),
        picture(0),
    ]
    alone = [photos.search(query, k=3) for query in queries]
    calls = embedder.calls

    results = photos.search(queries, k=3)

    assert embedder.calls == calls + 1
    assert names(results) == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "0.png"]
    for one, other in zip(results, alone, strict=True):
        assert [hit.id for hit in one] == [hit.id for hit in other]
        assert one.query == other.query
        np.testing.assert_allclose([hit.similarity for hit in one], [hit.similarity for hit in other], atol=1e-6)


def test_several_queries_take_every_option_that_one_takes(photos: Collection, tmp_path: Path) -> None:
    queries = [tmp_path / "0.png", tmp_path / "4.png"]
    options: list[dict[str, Any]] = [
        {"where": "name != 0.png"}, {"collapse": "group"}, {"recall": 1}, {"min_confidence": 0.5}, {"crop": "0,0,8,8"},
    ]  # fmt: skip
    for some in options:
        together = photos.search(queries, k=2, **some)
        assert [[hit.id for hit in one] for one in together] == [
            [hit.id for hit in photos.search(query, k=2, **some)] for query in queries
        ], some


def test_texts_in_an_array_are_queries(photos: Collection, tmp_path: Path) -> None:
    texts = np.array([str(tmp_path / "1.png"), str(tmp_path / "0.png")])
    assert names(photos.search(texts, k=1)) == names(photos.search(texts.astype(object), k=1)) == ["1.png", "0.png"]


def test_what_is_wrong_with_one_of_several_says_which(photos: Collection, tmp_path: Path) -> None:
    good = tmp_path / "0.png"
    (tmp_path / "broken.png").write_bytes(b"x")
    for bad, error, said in (
        ("nothing.png", BadQuery, "query 1: 'nothing.png' is no file"),
        (tmp_path / "broken.png", ImageRefused, r"query 1: .*broken.png"),
        (np.ones(D + 1), DimensionMismatch, f"query 1: expected a vector of {D} numbers, got {D + 1}"),
        (np.zeros(D), BadVectors, "query 1: .*length 0"),
        ([[good]], BadQuery, "query 1: .*a list within a list"),
        (np.ones((2, D)), BadQuery, "query 1: expected one query, got 2 vectors"),
        (None, BadQuery, "query 1: expected .* got NoneType"),
    ):
        with pytest.raises(error, match=said):
            photos.search([good, bad])


def test_a_grey_picture_is_a_picture_whatever_its_width(photos: Collection) -> None:
    for dtype in (np.uint8, np.uint16, np.bool_):
        grey = np.random.default_rng(0).integers(0, 2, (D, D)).astype(dtype)
        assert photos.search(grey, k=1).query == "the picture given"
    assert photos.search(np.random.default_rng(0).random((D, D, 1)), k=1).query == "the picture given"


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (np.ones(D - 1), DimensionMismatch, f"a vector of {D} numbers, got {D - 1}"),
        ([0.5] * (D + 1), DimensionMismatch, f"a vector of {D} numbers, got {D + 1}"),
        (
            np.ones((2, D + 1)),
            DimensionMismatch,
            rf"shape \(N, {D}\), got float64 of shape \(2, {D + 1}\); convert a grey",
        ),
        (np.ones((D, 1)), DimensionMismatch, rf"got float64 of shape \({D}, 1\)"),
        (np.ones((30, 40)), DimensionMismatch, "convert a grey picture to uint8, or give it a third axis"),
        (np.ones((1, D), np.uint8), BadQuery, "could be either"),
        (np.ones((1, 1, D)), BadInput, "a picture of shape"),
        (np.ones((2, 5, 5, 3), np.uint8), BadInput, "a picture of shape"),
        (np.ones((3, 5, 5), np.uint8), BadInput, "channels last"),
        (np.float64(3), BadQuery, "a single number"),
        (3, BadQuery, "got int"),
        (None, BadQuery, "got NoneType"),
        ({"vector": [1.0] * D}, BadQuery, "got dict"),
        ((n for n in range(D)), BadQuery, "or a list of such queries, got generator"),
        (np.full(D, np.nan), BadVectors, "finite"),
        (np.full((2, D), np.inf), BadVectors, "finite"),
        (np.full(D, 1e39), BadVectors, "too large for float32"),
        (np.zeros(D), BadVectors, "length 0"),
        (np.ones(D, complex), BadVectors, "complex128"),
        (np.ones(D, "datetime64[s]"), BadVectors, "datetime64"),
        ([1.0, "a.jpg"], BadQuery, "numbers and other things"),
        (["1.0"] * D, BadQuery, "query 0: '1.0' is no file"),
        (np.ma.masked_equal(np.arange(D), 3), BadInput, "masked"),
        (Tensor([], why_not="it is on the card"), BadInput, "Tensor gives none: it is on the card"),
    ],
)
def test_what_is_neither_says_what_was_expected(photos: Collection, asked: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        photos.search(asked)


def test_vectors_are_not_taken_in_as_pictures_nor_embedded(photos: Collection, tmp_path: Path) -> None:
    vectors = photos.embed(tmp_path / "0.png", tmp_path / "1.png")
    for given in (vectors, vectors[:1], vectors[0], vectors.astype(np.float64), Tensor(vectors), vectors.tolist()):
        for call in (photos.embed, photos.add):
            with pytest.raises(BadInput, match="a picture"):
                call(given)
    assert len(photos) == COUNT


def test_an_array_of_another_library_is_a_picture_too(photos: Collection) -> None:
    pixels = np.asarray(picture(3))
    np.testing.assert_array_equal(photos.embed(Tensor(pixels)), photos.embed(pixels))  # type: ignore[arg-type]
    assert photos.search(Tensor(pixels), k=1)[0].path == photos.search(pixels, k=1)[0].path  # type: ignore[call-overload]


def test_an_empty_collection_knows_how_wide_vectors_are() -> None:
    with new_collection() as empty:
        assert len(empty.search(np.ones((1, D)))) == 0
        with pytest.raises(LookalikeError, match=f"a vector of {D} numbers"):
            empty.search(np.ones(3))


def test_one_pixel_row_of_grey_is_a_picture_unless_it_could_be_a_vector() -> None:
    assert not as_queries(np.ones((1, 5), np.uint8), dimension=4).several
    with pytest.raises(BadQuery, match="could be either"):
        as_queries(np.ones((1, 4), np.uint8), dimension=4)
