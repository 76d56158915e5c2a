"""Building an index of nodes at once, over an engine that is built and not filled bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Batches, LocalIndex
from lookalike.index.node_table import Hashes, hashes_of
from lookalike.index.nodes import NodeIndex


def build_nodes(batches: Batches, make: Callable[[Batches, int], LocalIndex]) -> NodeIndex:
    """Build an index of the different vectors, and put nodes over it.

    What changes while it is built may be missing in the index, or there as it was: who calls upserts it afterwards.

    Args:
        batches: keys, each once, and vectors. Read once before `make`, at 24 bytes a vector; hashed each time.
        make: builds an index of batches, and is told how many vectors these hold.
    """
    keys, hashes = _hash(batches)
    order = np.lexsort((keys, hashes))
    keys, hashes = keys[order], hashes[order]
    starts = np.flatnonzero(np.r_[np.ones(min(1, len(keys)), bool), hashes[1:] != hashes[:-1]])
    sizes = np.diff(np.r_[starts, len(keys)])
    nodes, hashes = keys[starts], hashes[starts]
    came = np.ones(len(nodes), bool)  # in every reading

    def distinct() -> Iterator[tuple[Keys, Vectors]]:
        """Of each node the first vector that has its hash: those of a picture may have changed since."""
        waiting = np.ones(len(nodes), bool)
        for _, vectors in batches() if len(nodes) else ():
            found = hashes_of(vectors)
            places = np.searchsorted(hashes, found).clip(max=len(nodes) - 1)
            rows = np.flatnonzero((hashes[places] == found) & waiting[places])
            first = rows[np.sort(np.unique(places[rows], return_index=True)[1])]
            waiting[places[first]] = False
            yield nodes[places[first]], vectors[first]
        came[waiting] = False

    inner = make(distinct, len(nodes))
    inner.remove(nodes[~came])
    shared = np.repeat(came & (sizes > 1), sizes)
    return NodeIndex.over(
        inner,
        nodes=nodes[came],
        hashes=hashes[came],
        keys=keys[shared],
        nodes_of_keys=np.repeat(nodes, sizes)[shared],
    )


def _hash(batches: Batches) -> tuple[Keys, Hashes]:
    parts = [(keys, hashes_of(vectors)) for keys, vectors in batches()]
    return (
        np.concatenate([np.empty(0, np.int64), *(keys for keys, _ in parts)]),
        np.concatenate([np.empty(0, "S16"), *(hashes for _, hashes in parts)]),
    )
