"""A picture that local features can take hold of."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from lookalike.core.vectors import Pixels


def shapes(*, seed: int, width: int = 420, height: int = 320, count: int = 160) -> Pixels:
    """Polygons of every colour, size and place, no two seeds alike."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        centre, reach = rng.uniform(0, (width, height)), rng.uniform(6, 40)
        corners = [tuple(map(float, centre + rng.uniform(-reach, reach, 2))) for _ in range(int(rng.integers(3, 6)))]
        draw.polygon(corners, fill=tuple(int(level) for level in rng.integers(0, 256, 3)))
    return np.asarray(image).copy()
