"""Small files of vectors, good and bad, and the neighbours that a naive loop finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.core.metrics import Metric


def vectors(N: int, D: int, *, seed: int = 0) -> Any:
    """Shape (N, D), float32, not of length 1."""
    return np.random.default_rng(seed).standard_normal((N, D)).astype(np.float32) * 3


def saved(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def neighbours(base: Any, queries: Any, k: int, metric: Metric, *, exclude_self: bool = False) -> tuple[Any, Any]:
    """Rows and values of all pairs in float64, rounded to float32, ties to the smaller row."""
    rows, values = [], []
    wide = np.asarray(base, np.float64)
    for n, query in enumerate(np.asarray(queries, np.float64)):
        found = one_by_one(wide, query, metric).astype(np.float32)
        order = np.lexsort((np.arange(len(wide)), -found if metric.higher_is_closer else found))
        order = order[order != n][:k] if exclude_self else order[:k]
        rows.append(order)
        values.append(found[order])
    return np.array(rows), np.array(values)


def one_by_one(base: Any, query: Any, metric: Metric) -> Any:
    if metric is Metric.L2:
        return np.sqrt(((base - query) ** 2).sum(axis=1))
    products = (base * query).sum(axis=1)
    if metric is Metric.INNER_PRODUCT:
        return products
    lengths = np.sqrt((base**2).sum(axis=1)) * np.sqrt((query**2).sum())
    return np.clip(products / np.where(lengths > 0, lengths, 1), -1, 1)
