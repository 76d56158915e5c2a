"""Whatever is asked becomes the vectors that are needed, and the picture where one is to be looked at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch, ImageRefused, NotIndexed
from lookalike.core.vectors import normalise
from lookalike.embedding.fake import FakeEmbedder
from lookalike.images.crop import Crop
from lookalike.images.decode import decode
from lookalike.images.files import content_id
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.images.pictures import pixels_of_picture
from lookalike.ingest.add import add_bytes
from lookalike.parts.parts import Parts
from lookalike.search.understand import Understood, understand, whole_picture
from tests.collections import D, new_parts, picture, png, write

N = 4
FORMS: dict[str, Any] = {
    "path": lambda path: path,
    "text": str,
    "bytes": Path.read_bytes,
    "image": lambda path: picture(1),
    "array": lambda path: np.asarray(picture(1)),
}


def whole(picture: Any, *, crop: Crop | None = None) -> Any:
    """As a reranker sees it that looks at every pixel."""
    pixels = pixels_of_picture(picture, min_side=None, limits=DEFAULT_LIMITS)
    return pixels if crop is None else crop.cut(pixels)


@pytest.fixture
def parts() -> Parts:
    """Four pictures."""
    made = new_parts()
    for n in range(N):
        add_bytes(png(n), made, metadata={})
    return made


@pytest.fixture
def fine(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    """A further model; two pictures have a vector of it."""
    model = FakeEmbedder(dimension=7, seed=3)
    monkeypatch.setattr(parts.models, "_open_model", lambda _: model)
    parts.models.add("fine", "it")
    keys = [parts.catalog.keys([image_id(n)])[image_id(n)] for n in range(2)]
    rows = model.embed([small(n) for n in range(2)]).astype(np.float16)
    with parts.catalog.transaction() as transaction:
        transaction.put_model_vectors("fine", keys, rows)
    return model


def image_id(n: int) -> str:
    return content_id(png(n))


def small(n: int) -> Any:
    """What comes of a file for models that look at 4 x 4 pixels."""
    return decode(png(n), min_side=FakeEmbedder().card.input_side).pixels


def asked(
    query: Any, parts: Parts, *, models: Any = (MAIN,), crop: str | None = None, look: bool = False
) -> Understood:
    return understand(
        query,
        parts,
        models=models,
        crop=Crop.parse(crop) if crop else None,
        for_reranking=whole if look else None,
        stored=parts.objects.get,
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_in_any_form_has_its_vector_by_each_model(
    parts: Parts, fine: FakeEmbedder, tmp_path: Path, form: str
) -> None:
    query = FORMS[form](write(tmp_path / "1.png", 1))
    pixels = np.asarray(picture(1)) if form in ("image", "array") else small(1)
    understood = asked(query, parts, models=[MAIN, "fine"])
    assert list(understood.query.vectors) == [MAIN, "fine"]
    for name, embedder in ((MAIN, parts.embedder), ("fine", fine)):
        np.testing.assert_allclose(understood.query.vectors[name], embedder.embed([pixels]), atol=1e-6)
    np.testing.assert_array_equal(understood.pixels, pixels)
    assert understood.text == {"path": "1.png", "text": "1.png"}.get(form, "the picture given")


def test_an_id_has_its_stored_vectors_and_no_picture_unless_it_is_to_be_looked_at(
    parts: Parts, fine: FakeEmbedder
) -> None:
    for look in (False, True):
        understood = asked(image_id(1), parts, models=[MAIN, "fine"], look=look)
        assert understood.query.vectors[MAIN].shape == (1, D)
        np.testing.assert_allclose(understood.query.vectors["fine"], fine.embed([small(1)]), atol=1e-3)
        assert (understood.query.pixels is not None) == look
        assert understood.pixels is None
    np.testing.assert_array_equal(understood.query.pixels, np.asarray(picture(1)))


def test_an_id_without_a_vector_of_a_model_says_so(parts: Parts, fine: FakeEmbedder) -> None:
    with pytest.raises(NotIndexed, match="it has none of the model 'fine' yet"):
        asked(image_id(3), parts, models=["fine"])


def test_a_sum_is_a_sum_by_each_model_and_no_picture(parts: Parts, fine: FakeEmbedder, tmp_path: Path) -> None:
    path = write(tmp_path / "0.png", 0)
    understood = asked(f"2*{path} - {image_id(1)}", parts, models=[MAIN, "fine"], look=True)
    for name, embedder in ((MAIN, parts.embedder), ("fine", fine)):
        a, b = embedder.embed([small(0), small(1)])
        np.testing.assert_allclose(understood.query.vectors[name], normalise((2 * a - b)[None]), atol=2e-3)
    assert (understood.query.pixels, understood.pixels) == (None, None)


def test_a_source_that_stands_twice_is_fetched_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("lookalike.storage.fetch.fetch", lambda url, **_: fetched.append(url) or png(1))
    asked("http://host/a.png + 2*http://host/a.png", parts)
    assert fetched == ["http://host/a.png"]


def test_a_crop_is_what_is_embedded_and_shown(parts: Parts, tmp_path: Path) -> None:
    understood = asked(write(tmp_path / "1.png", 1), parts, crop="4,0,8,8")
    part = np.asarray(picture(1))[:8, 4:12]
    np.testing.assert_array_equal(understood.pixels, part)
    np.testing.assert_allclose(understood.query.vectors[MAIN], parts.embedder.embed([part]), atol=1e-6)


def test_for_a_second_opinion_a_large_file_comes_whole(parts: Parts, tmp_path: Path) -> None:
    target = io.BytesIO()
    picture(1).resize((1200, 800), Image.Resampling.NEAREST).save(target, "JPEG")
    small, whole = (asked(target.getvalue(), parts, look=look).pixels for look in (False, True))
    assert small is not None
    assert whole is not None
    assert small.shape[0] < whole.shape[0] == 800


def test_a_vector_is_brought_to_length_1(parts: Parts) -> None:
    understood = asked(np.full(D, 9.0), parts)
    np.testing.assert_allclose(understood.query.vectors[MAIN], np.full((1, D), D**-0.5), atol=1e-6)
    assert (understood.query.pixels, understood.text) == (None, "a vector")


@pytest.mark.parametrize(
    ("query", "options", "error", "said"),
    [
        (np.zeros(D), {}, BadVectors, "length 0"),
        (np.full(D, np.inf), {}, BadVectors, ""),
        (np.ones(D + 1), {}, DimensionMismatch, ""),
        (np.ones(D), {"crop": "0,0,4,4"}, BadQuery, "a crop needs a picture"),
        (np.ones(D), {"models": [MAIN, "fine"]}, BadQuery, "a vector of one model"),
        (np.ones(D), {"models": ["fine"]}, BadQuery, "a vector of one model"),
        (png(1), {"models": ["coarse"]}, BadQuery, "(main, fine)"),
        (b"", {}, ImageRefused, ""),
        (7, {}, BadInput, "got int"),
        ("ffffffff", {}, NotIndexed, ""),
    ],
)
def test_what_cannot_be_understood_says_why(
    parts: Parts, fine: FakeEmbedder, query: Any, options: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as raised:
        asked(query, parts, **options)
    assert said in str(raised.value)


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_picture_has_every_pixel_in_any_form(parts: Parts, tmp_path: Path, form: str) -> None:
    query = FORMS[form](write(tmp_path / "1.png", 1))
    np.testing.assert_array_equal(whole_picture(query, parts, stored=parts.objects.get), np.asarray(picture(1)))


def test_the_whole_picture_of_an_id_or_a_url(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.storage.fetch.fetch", lambda url, **_: png(2))
    monkeypatch.setattr("lookalike.search.understand.read_standard_input", lambda **_: png(2))
    for query, n in ((image_id(1)[:12], 1), ("http://host/a.png", 2), ("-", 2)):
        np.testing.assert_array_equal(whole_picture(query, parts, stored=parts.objects.get), np.asarray(picture(n)))


def test_a_sum_is_not_one_picture(parts: Parts) -> None:
    for query in (f"{image_id(1)} + {image_id(2)}", f"- {image_id(1)}"):
        with pytest.raises(BadQuery):
            whole_picture(query, parts, stored=parts.objects.get)
