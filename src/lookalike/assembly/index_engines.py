"""The engines of indexes: which there are, how they are built, and how their snapshots are read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from lookalike.core.errors import SnapshotDamaged
from lookalike.index.base import Batches, LocalIndex
from lookalike.index.choice import EXACT, FAISS, GPU
from lookalike.index.exact import ExactIndex
from lookalike.index.manifest import NODES_FILE


class LocalEngines:
    """Engines in this process: every vector compared, here or on a card, or FAISS with equal vectors as one node."""

    def empty(self, dimension: int, *, engine: str) -> LocalIndex:
        """An exact one, or one on a graphics card; see `Engines`."""
        return _EMPTY[engine](dimension)

    def check(self, factory: str, *, dimensions: Iterable[int]) -> None:
        """A factory string of FAISS; see `Engines`."""
        from lookalike.index.faiss.factory import check_factory  # brings in FAISS, which is slow to import

        check_factory(factory, dimensions=dimensions)

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
    ) -> LocalIndex:
        """One of FAISS; see `Engines`."""
        from lookalike.index.faiss import build_index  # brings in FAISS, which is slow to import
        from lookalike.index.node_building import build_nodes

        def of_nodes(nodes: Batches, count: int) -> LocalIndex:
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

    def load(self, engine: str, folder: Path) -> LocalIndex:
        """Either; see `Engines`."""
        try:
            load = _LOADERS[engine]
        except KeyError:
            raise SnapshotDamaged(f"expected an engine of {', '.join(_LOADERS)}, got {engine!r}") from None
        index = load(folder)
        nodes = folder / NODES_FILE
        if not nodes.exists():
            return index
        from lookalike.index.nodes import NodeIndex

        return NodeIndex.load(index, nodes)


def _exact(folder: Path) -> ExactIndex:
    keys = np.load(folder / "keys.npy", allow_pickle=False)
    return ExactIndex.from_arrays(keys, np.load(folder / "vectors.npy", allow_pickle=False))


def _faiss(folder: Path) -> LocalIndex:
    from lookalike.index.faiss import FaissIndex  # brings in FAISS, which is slow to import

    return FaissIndex.load(folder)


def _on_card(dimension: int) -> LocalIndex:
    from lookalike.index.gpu.index import TorchIndex  # brings in torch, which is slow to import

    return TorchIndex(dimension)


def _gpu(folder: Path) -> LocalIndex:
    from lookalike.index.gpu.index import TorchIndex  # brings in torch, which is slow to import

    return TorchIndex.over(_exact(folder))


_EMPTY: dict[str, Callable[[int], LocalIndex]] = {EXACT: ExactIndex, GPU: _on_card}
_LOADERS: dict[str, Callable[[Path], LocalIndex]] = {EXACT: _exact, FAISS: _faiss, GPU: _gpu}
