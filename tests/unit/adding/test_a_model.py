"""A model of one's own, with its mean and deviation, needs no change: one call and one option."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import lookalike
from lookalike.cli.main import run
from tests.collections import picture, write
from tests.mean_model import write_mean_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_a_collection_is_made_with_a_model_that_was_wrapped(tmp_path: Path) -> None:
    theirs = write_mean_model(tmp_path / "theirs.onnx")
    for seed in range(3):
        write(tmp_path / "photos" / f"{seed}.png", seed)

    mine = lookalike.adapt(theirs, tmp_path / "mine.onnx", name="mine", input_side=8, mean=MEAN, std=STD)
    folder = str(tmp_path / "c.lookalike")
    assert run(["index", str(tmp_path / "photos"), "-c", folder, "--model", str(mine), "-q"]) == 0
    mine.unlink()

    with lookalike.open(folder) as photos:
        (vector,) = photos.embed(picture(1))
        assert photos.search(str(tmp_path / "photos" / "1.png"), k=1)[0].path == str(tmp_path / "photos" / "1.png")
    pixels = np.asarray(picture(1)).mean(axis=(0, 1)) / 255
    wanted = (pixels - MEAN) / STD
    assert vector @ (wanted / np.linalg.norm(wanted)) > 0.99
