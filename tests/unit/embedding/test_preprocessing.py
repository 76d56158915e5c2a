"""The golden vectors that the browser's resizing is held to, held to what the server does."""

from __future__ import annotations

import base64
import json

import numpy as np
import PIL
import pytest
from PIL import Image

from lookalike.embedding import pixels as pixels_module
from tests.golden import depthwise
from tests.golden.resizing import FILE, LARGE, SMALL, cases, noise, squeezed

SIDE = 224
LARGEST_STEP = 0 if int(PIL.__version__.split(".")[0]) >= 13 else 1
"""Earlier versions of Pillow take the passes in the other order where a picture is tall."""


def test_the_golden_vectors_are_what_pillow_gives() -> None:
    kept = json.loads(FILE.read_text())

    assert kept == cases()


@pytest.mark.parametrize(("width", "height", "factor"), [case[:3] for case in LARGE if case[3] == SIDE])
def test_the_embedder_squeezes_as_the_golden_vectors_do(width: int, height: int, factor: int) -> None:
    pixels = noise(width, height)
    reduced = np.asarray(Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels
    expected = np.frombuffer(squeezed(pixels, factor=factor, side=SIDE), np.uint8).reshape(SIDE, SIDE, 3)

    found = pixels_module.squeeze(reduced, SIDE)

    steps = np.abs(found.astype(int) - expected.astype(int))
    assert steps.max() <= LARGEST_STEP


def test_there_are_cases_that_need_no_pass_one_pass_and_two() -> None:
    sizes = {(case[0] == case[3], case[1] == case[3]) for case in SMALL + LARGE}

    assert sizes == {(True, True), (True, False), (False, False)}


def test_the_golden_model_is_what_the_package_writes() -> None:
    kept = json.loads(depthwise.FILE.read_text())

    assert base64.b64decode(kept["model"]) == depthwise.model()
