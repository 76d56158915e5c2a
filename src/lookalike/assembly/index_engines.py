"""The engines of indexes: which there are, how they are built, and how their snapshots are read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lookalike.core.errors import SnapshotDamaged
from lookalike.index.base import Batches, Index
from lookalike.index.exact import ExactIndex

_NODES = "nodes.npz"


class LocalEngines:
    """Engines in this process: every vector compared, or FAISS with equal vectors as one node."""

    def empty(self, dimension: int) -> Index:
        """An exact one; see `Engines`."""
        return ExactIndex(dimension)

    def build(
        self,
        batches: Batches,
        *,
        dimension: int,
        factory: str | None,
        recall: float,
        memory_bytes: int | None,
        workplace: Path,
        subject: str,
    ) -> Index:
        """One of FAISS; see `Engines`."""
        from lookalike.index.faiss import build_index  # brings in FAISS, which is slow to import
        from lookalike.index.node_building import build_nodes

        def of_nodes(nodes: Batches, count: int) -> Index:
            return build_index(
                nodes,
                count=count,
                dimension=dimension,
                factory=factory,
                recall=recall,
                memory_bytes=memory_bytes,
                workplace=workplace,
                subject=subject,
            )

        return build_nodes(batches, of_nodes)

    def load(self, engine: str, folder: Path) -> Index:
        """Either; see `Engines`."""
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


_LOADERS: dict[str, Callable[[Path], Index]] = {"exact": _exact, "faiss": _faiss}
