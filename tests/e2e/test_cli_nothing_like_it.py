"""A search that finds nothing like its query says so: in words, in JSON, and on contact sheets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import lookalike
from tests.e2e.conftest import Command

PICTURES = 80


def balls(seed: int) -> Image.Image:
    """Some balls on a coloured ground."""
    chance = np.random.default_rng(seed)
    picture = Image.new("RGB", (96, 96), tuple(chance.integers(0, 256, 3).tolist()))
    for _ in range(6):
        x, y, radius = chance.integers((8, 8, 6), (88, 88, 24)).tolist()
        colour = tuple(chance.integers(0, 256, 3).tolist())
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `c`, a collection of balls, and two queries: a new one of them, and noise."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "in").mkdir()
    for n in range(PICTURES):
        balls(n).save(folder / "in" / f"{n}.png")
    balls(1000).save(folder / "known.png")
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    with lookalike.open(folder / "c") as collection:
        collection.index(folder / "in")
    return folder


def test_the_table_says_so_and_only_then(command: Command, pictures: Path) -> None:
    nothing = command("search", pictures / "noise.png", "-c", pictures / "c")
    something = command("search", pictures / "known.png", "-c", pictures / "c")

    assert (nothing.code, something.code) == (0, 0)
    assert nothing.stderr.startswith("Nothing like it here: even the best is farther from it than 96 in 100")
    assert "Nothing like it" not in something.stderr
    assert len(nothing.text.splitlines()) == len(something.text.splitlines()) == 1 + 10


def test_json_says_so(command: Command, pictures: Path) -> None:
    answers = [
        json.loads(command("search", pictures / name, "-c", pictures / "c", "--json").stdout)["nothing_like_it"]
        for name in ("noise.png", "known.png")
    ]

    assert answers == [True, False]


def test_sheets_and_notebooks_say_so(pictures: Path, tmp_path: Path) -> None:
    with lookalike.open(pictures / "c") as collection:
        nothing, something = (collection.search(pictures / name) for name in ("noise.png", "known.png"))
        pages = [
            result.sheet(tmp_path / f"{n}.html").read_text("utf-8") for n, result in enumerate((nothing, something))
        ]

        assert ["Nothing like" in page for page in pages] == [True, False]
        assert ["Nothing like" in result._repr_html_() for result in (nothing, something)] == [True, False]
