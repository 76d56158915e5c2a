"""Real photos beside the project, for tests that want them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.core.vectors import Pixels

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"


def some_photos(count: int) -> list[Pixels]:
    """`count` photos spread over Caltech-101, at their own sizes; skips the test where they are not there."""
    listing = PHOTOS / "caltech.csv"
    if not listing.exists():
        pytest.skip("needs the photos in ../shared/photos")
    with listing.open(newline="") as file:
        paths = [PHOTOS / "caltech" / row["path"] for row in csv.DictReader(file)]
    photos = []
    for path in paths[:: len(paths) // count][:count]:
        with Image.open(path) as image:
            photos.append(np.asarray(image.convert("RGB")))
    return photos
