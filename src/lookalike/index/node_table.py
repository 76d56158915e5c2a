"""Which node has which hash: 29 bytes a node in sorted arrays, and small dictionaries for what came since."""

from __future__ import annotations

import hashlib
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys, Vectors, to_unit

Hashes: TypeAlias = NDArray[np.bytes_]
"""shape (N,), dtype S16: 128 bits of BLAKE2b. Zero bytes at the end are cut off and stand for themselves."""

_HASH = np.dtype("S16")
_ROWS_AT_ONCE = 8192
_LATE = 32_768
_LATE_SHARE = 32


def hashes_of(vectors: Vectors) -> Hashes:
    """Hashes of directions: equal where the rows are the same, byte for byte, once they have length 1.

    That two different directions among N have the same hash has the probability N² / 2^129: 6e-27 for two million.
    Takes about a microsecond a row of 128 numbers.

    Args:
        vectors: shape (N, D), float32, finite, not necessarily unit length.
    Returns:
        shape (N,), bytes (S16), a new array.
    """
    digests = []
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        units = to_unit(vectors[start : start + _ROWS_AT_ONCE]) + np.float32(0)  # -0.0 becomes 0.0
        digests += [hashlib.blake2b(row, digest_size=_HASH.itemsize).digest() for row in units]
    return np.frombuffer(b"".join(digests), _HASH)


class FrozenTable(NamedTuple):
    """A table as it was at one moment; the arrays are never written to, but for `alive`, which is a copy.

    Attributes:
        nodes: shape (N,), int64, ascending.
        hashes: shape (N,), bytes (S16), ascending.
        places: shape (N,), int32: of the node of each hash in `nodes`.
        alive: shape (N,), bool: which nodes are there still.
        late: nodes that came since, and their hashes.
    """

    nodes: Keys
    hashes: Hashes
    places: NDArray[np.int32]
    alive: NDArray[np.bool_]
    late: dict[int, bytes]

    def pairs(self) -> tuple[Keys, Hashes]:
        """All nodes, shape (N,), int64, and their hashes, shape (N,), bytes (S16): new arrays in no order."""
        late_nodes = np.fromiter(self.late.keys(), np.int64, len(self.late))
        late_hashes = np.array(list(self.late.values()), _HASH)
        alive = self.alive[self.places]
        nodes, hashes = self.nodes[self.places[alive]], self.hashes[alive]
        return np.concatenate([nodes, late_nodes]), np.concatenate([hashes, late_hashes])


class NodeTable:
    """Nodes and their hashes; each node has one, and each hash belongs to one node. For one thread at a time."""

    def __init__(self) -> None:
        self._keep(np.empty(0, np.int64), np.empty(0, _HASH))

    def __len__(self) -> int:
        return int(np.count_nonzero(self._alive)) + len(self._late_hashes)

    def find(self, hashes: Hashes) -> Keys:
        """The nodes with these hashes.

        Args:
            hashes: shape (N,), bytes (S16).
        Returns:
            shape (N,), int64; -1 where there is none.
        """
        nodes = np.full(len(hashes), -1, np.int64)
        if len(self._nodes):
            ranks = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
            places = self._places[ranks]
            is_there = (self._hashes[ranks] == hashes) & self._alive[places]
            nodes[is_there] = self._nodes[places[is_there]]
        if self._late_nodes:
            for n, found in enumerate(hashes.tolist()):
                nodes[n] = self._late_nodes.get(found, nodes[n])
        return nodes

    def has(self, nodes: Keys) -> NDArray[np.bool_]:
        """Which of the nodes there are.

        Args:
            nodes: shape (N,), int64.
        Returns:
            shape (N,), bool, a new array.
        """
        is_there = self._find(nodes) >= 0
        if self._late_hashes:
            is_there |= np.fromiter((node in self._late_hashes for node in nodes.tolist()), bool, len(nodes))
        return is_there

    def put(self, nodes: Keys, hashes: Hashes) -> None:
        """Add nodes, or give known ones another hash.

        Args:
            nodes: shape (N,), int64, each once.
            hashes: shape (N,), bytes (S16), which no other node has.
        """
        self.drop(nodes)
        if len(self._late_hashes) + len(nodes) > max(_LATE, len(self._nodes) // _LATE_SHARE):
            kept_nodes, kept_hashes = self.pairs()
            self._keep(np.concatenate([kept_nodes, nodes]), np.concatenate([kept_hashes, hashes]))
        else:
            late = dict(zip(nodes.tolist(), hashes.tolist(), strict=True))
            self._late_hashes.update(late)
            self._late_nodes.update({found: node for node, found in late.items()})

    def drop(self, nodes: Keys) -> None:
        """Remove nodes; unknown ones are passed over.

        Args:
            nodes: shape (N,), int64.
        """
        places = self._find(nodes)
        self._alive[places[places >= 0]] = False
        if self._late_hashes:
            for node in nodes.tolist():
                gone = self._late_hashes.pop(node, None)
                if gone is not None:
                    del self._late_nodes[gone]

    def pairs(self) -> tuple[Keys, Hashes]:
        """All nodes, shape (N,), int64, and their hashes, shape (N,), bytes (S16): new arrays in no order."""
        return self.freeze().pairs()

    def freeze(self) -> FrozenTable:
        """The table as it is at this moment. Takes a copy of a byte a node, and of what came lately."""
        return FrozenTable(self._nodes, self._hashes, self._places, self._alive.copy(), self._late_hashes.copy())

    def _keep(self, nodes: Keys, hashes: Hashes) -> None:
        order = np.argsort(nodes)
        self._nodes, hashes = nodes[order], hashes[order]  # ascending
        by_hash = np.argsort(hashes)
        self._hashes = hashes[by_hash]  # ascending
        self._places = by_hash.astype(np.int32)  # in `_nodes`
        self._alive = np.ones(len(nodes), bool)  # beside `_nodes`
        self._late_hashes: dict[int, bytes] = {}
        self._late_nodes: dict[bytes, int] = {}

    def _find(self, nodes: Keys) -> NDArray[np.intp]:
        """Where nodes stand in `_nodes`; -1 where they do not."""
        if not len(self._nodes):
            return np.full(len(nodes), -1, np.intp)
        places = np.searchsorted(self._nodes, nodes).clip(max=len(self._nodes) - 1)
        return np.where((self._nodes[places] == nodes) & self._alive[places], places, -1)
