"""A tiny embedder for tests and trials: similar colours in similar places give similar vectors, at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.core.vectors import Pixels, Vectors, normalise
from lookalike.embedding.pixels import check_pixels
from lookalike.models.card import ModelCard

_CELLS = 4
"""The picture is seen as 4 x 4 cells of one colour each."""


class FakeEmbedder:
    """Averages cells, then projects them by a fixed random matrix. Deterministic; needs no model file.

    Args:
        dimension: D of the vectors.
        seed: of the matrix; embedders of other seeds or widths have other ids, as other models would.
    """

    def __init__(self, *, dimension: int = 16, seed: int = 0) -> None:
        inputs = _CELLS * _CELLS * 3 + 1
        self._projection = np.random.default_rng(seed).normal(size=(inputs, dimension)).astype(np.float32)
        self._card = ModelCard(
            id=f"{seed:08x}{dimension:08x}".rjust(64, "f"),
            name="fake",
            version="1",
            precision="fp32",
            dimension=dimension,
            input_side=_CELLS,
            licence="Apache-2.0",
            source="lookalike.embedding.fake",
            made="Mean colours of 4 x 4 cells through a fixed random projection.",
        )

    @property
    def card(self) -> ModelCard:
        """What the model is; the id tells seed and width."""
        return self._card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`."""
        features = [_features(check_pixels(image, position=n)) for n, image in enumerate(images)]
        rows = [normalise(feature[None] @ self._projection)[0] for feature in features]
        return np.array(rows, np.float32).reshape(len(rows), self._card.dimension)

    def close(self) -> None:
        """Nothing."""


def _features(image: Pixels) -> Vectors:
    """Mean colour of each cell in -1..1, and a 1 so that no picture has a vector of length 0. Shape (49,)."""
    rows = [_cell(n, extent=image.shape[0]) for n in range(_CELLS)]
    columns = [_cell(n, extent=image.shape[1]) for n in range(_CELLS)]
    means = [image[row, column].mean(axis=(0, 1)) / 127.5 - 1 for row in rows for column in columns]
    return np.append(np.concatenate(means), 1).astype(np.float32)


def _cell(n: int, *, extent: int) -> slice:
    """The n-th quarter of an axis, never empty: pixels of a tiny picture fall into several cells."""
    start = n * extent // _CELLS
    return slice(start, max((n + 1) * extent // _CELLS, start + 1))
