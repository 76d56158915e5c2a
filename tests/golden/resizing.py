"""Golden vectors of resizing, for the browser's own implementation.

python -m tests.golden.resizing      writes web/tests/golden/resizing.json anew
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.core.vectors import Pixels

FILE = Path(__file__).parents[2] / "web" / "tests" / "golden" / "resizing.json"

SMALL = [
    (1, 1, 1, 3),
    (2, 1, 1, 3),
    (5, 3, 1, 4),
    (4, 4, 1, 4),
    (4, 7, 1, 4),
    (13, 9, 1, 5),
    (13, 9, 2, 4),
    (9, 6, 3, 2),
]
LARGE = [
    (224, 224, 1, 224),
    (225, 223, 1, 224),
    (300, 200, 1, 224),
    (224, 448, 1, 224),
    (100, 641, 1, 224),
    (641, 480, 2, 224),
    (700, 673, 3, 224),
    (933, 901, 4, 224),
    (1157, 1121, 5, 224),
    (800, 450, 1, 224),
    (50, 37, 7, 8),
    (300, 376, 1, 224),
    (300, 377, 1, 224),
]
"""Width, height, by how much it is reduced first, the side that it is squeezed to."""


def noise(width: int, height: int) -> Pixels:
    """Pixels by a rule that is easy to follow elsewhere: the high bytes of a linear congruential sequence."""
    state, values = width * 65_536 + height, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        values.append(state >> 24)
    return np.frombuffer(bytes(values), np.uint8).reshape(height, width, 3)


def squeezed(pixels: Pixels, *, factor: int, side: int) -> bytes:
    """What docs/reference/preprocessing.md says, by Pillow's own code, one pass at a time.

    The order of the passes is that of Pillow 13; earlier ones always go across first, which moves a level by 1.
    """
    image = Image.fromarray(pixels)
    reduced = image.reduce(factor) if factor > 1 else image
    width, height = reduced.size
    down_first = height > side and height - side > 2 * (width - side)
    between = reduced.resize((width, side) if down_first else (side, height), Image.Resampling.BILINEAR)
    return between.resize((side, side), Image.Resampling.BILINEAR).tobytes()


def cases() -> list[dict[str, Any]]:
    """All of them; small ones with their bytes, large ones with a hash."""
    found = []
    for width, height, factor, side in SMALL + LARGE:
        content = squeezed(noise(width, height), factor=factor, side=side)
        case = {"width": width, "height": height, "factor": factor, "side": side}
        found.append(case | {"sha256": hashlib.sha256(content).hexdigest()})
        if (width, height, factor, side) in SMALL:
            found[-1]["base64"] = base64.b64encode(content).decode()
    return found


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(cases(), indent=1) + "\n")
