"""The engines by name, as snapshots are read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lookalike.core.errors import SnapshotDamaged
from lookalike.index.base import Index
from lookalike.index.exact import ExactIndex


def load_index(engine: str, folder: Path) -> Index:
    """Read the files that `Index.save` wrote, which were hashed before.

    Raises:
        SnapshotDamaged: when the engine is unknown, or the files are not what it writes.
        OSError, ValueError, EOFError: when one cannot be read.
    """
    try:
        load = _LOADERS[engine]
    except KeyError:
        raise SnapshotDamaged(f"expected an engine of {', '.join(_LOADERS)}, got {engine!r}") from None
    index = load(folder)
    nodes = folder / _NODES
    if not nodes.exists():
        return index
    from lookalike.index.nodes import NodeIndex

    return NodeIndex.load(index, nodes)


def _exact(folder: Path) -> Index:
    keys = np.load(folder / "keys.npy", allow_pickle=False)
    return ExactIndex.from_arrays(keys, np.load(folder / "vectors.npy", allow_pickle=False))


def _faiss(folder: Path) -> Index:
    from lookalike.index.faiss import FaissIndex  # brings in FAISS, which is slow to import

    return FaissIndex.load(folder)


_NODES = "nodes.npz"

_LOADERS: dict[str, Callable[[Path], Index]] = {"exact": _exact, "faiss": _faiss}
