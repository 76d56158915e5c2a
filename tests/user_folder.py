"""A user's folder with all that the pages of the documentation name: pictures, tables, vectors, models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.mean_model import wrapped_mean_model, write_mean_model
from tests.unit.images.pictures import encoded, scene


def belongings(place: Path) -> Path:
    """Make them.

    Args:
        place: a new folder.
    Returns:
        `place`.
    """
    (place / "holiday").mkdir(parents=True)
    for seed in range(3):
        (place / "holiday" / f"{seed}.jpg").write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    for seed, name in enumerate(("cat.jpg", "beach.jpg", "shelf.jpg"), start=3):
        (place / name).write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    patches = Image.fromarray(np.random.default_rng(2).integers(0, 256, (50, 70, 3), np.uint8)).resize((560, 400))
    patches.save(place / "holiday" / "0.jpg", quality=95)  # one with details
    patches.crop((100, 60, 500, 360)).save(place / "cut-out.jpg")
    np.save(place / "base.npy", np.random.default_rng(1).normal(size=(20, 32)).astype(np.float32))
    (place / "jwt").write_text("0123456789abcdef" * 4)
    write_mean_model(place / "other-tool.onnx")
    wrapped_mean_model(place / "my-model.onnx", input_side=32)
    return place


def folders_of_pictures(place: Path) -> None:
    """Beside the belongings: `~/Pictures` with copies in it, `~/Work`, `photos` with a table of labels, a query."""
    for name in ("Pictures", "Pictures/Masters", "Work", "photos"):
        shutil.copytree(place / "holiday", place / name)
    Image.open(place / "holiday" / "0.jpg").resize((420, 300)).save(place / "Pictures" / "smaller.jpg", quality=90)
    shutil.copy(place / "cut-out.jpg", place / "q.jpg")
    (place / "labels.csv").write_text("path,label\n0.jpg,apple\n1.jpg,apple\n2.jpg,pear\n")
    shutil.copy(place / "my-model.onnx", place / "my.onnx")
    for name in ("queries.npy", "all.npy"):
        shutil.copy(place / "base.npy", place / name)
