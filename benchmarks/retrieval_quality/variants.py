"""What else could be compared: raw vectors, and other things that could be learnt from a collection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Vectors
from lookalike.index.projection import WIDTH, learn


class Variant(NamedTuple):
    """A way from raw vectors to those that are compared."""

    name: str
    vectors: Vectors


def ablations(int8: Vectors, fp32: Vectors) -> list[Variant]:
    """Everything but the default. All are brought to length 1 where they are compared.

    Args:
        int8: shape (N, D), raw vectors of the default model.
        fp32: shape (N, D), raw vectors of the model in float32.
    """
    return [
        Variant("int8, raw", int8),
        Variant("float32, our projection", _projected(fp32)),
        Variant("int8, centred only", int8 - int8.mean(axis=0)),
        Variant("int8, principal components without centring", _components(int8, centred=False)),
        Variant("int8, centred principal components, no Pareto scaling", _components(int8)),
        Variant("int8, centred principal components, whitened", _components(int8, whitened=True)),
    ]


def _projected(vectors: Vectors) -> Vectors:
    projection = learn([vectors], count=len(vectors))
    return vectors if projection is None else projection.apply(vectors)


def _components(vectors: Vectors, *, centred: bool = True, whitened: bool = False) -> Vectors:
    moved: NDArray[np.float64] = vectors.astype(np.float64)
    if centred:
        moved -= moved.mean(axis=0)
    values, directions = np.linalg.eigh(moved.T @ moved / len(moved))
    width = min(WIDTH, len(moved) // 4)
    kept = directions[:, ::-1][:, :width]
    if whitened:
        kept = kept / np.sqrt(np.maximum(values[::-1][:width], 1e-12))
    return np.asarray(moved @ kept, np.float32)
