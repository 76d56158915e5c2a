"""One node for all pictures with the same vector, over any index.

Equal vectors tie a graph in knots, fill shortlists and make inverted lists lopsided. So the inner index holds each
direction once, and the pictures that share it are put into the answer in its place.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, DimensionMismatch, SnapshotDamaged
from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors
from lookalike.index.base import LocalIndex, SaveTo, Selection, check_wanted, keys_among
from lookalike.index.manifest import NODES_FILE
from lookalike.index.node_members import Grouped, NodeMembers
from lookalike.index.node_table import FrozenTable, Hashes, NodeTable, hashes_of

_ATTEMPTS = 3
_WIDENING = 8
_FIRST_OWN_NUMBER = 2**62  # for nodes whose picture left them and came back with another vector


class NodeIndex:
    """See `lookalike.index.base.LocalIndex`. As exact and as fast as the inner index is on the different vectors alone.

    A picture that is alone is a node of its own key, and takes 29 bytes here. One that shares its vector takes about
    200. A search never waits while pictures that are alone change; for a change of shared vectors it does.

    Args:
        inner: an empty index, which nobody else changes.
    Raises:
        BadInput: when it is not empty.
    """

    def __init__(self, inner: LocalIndex) -> None:
        if len(inner):
            raise BadInput(
                f"expected an empty index to make nodes in, got one of {len(inner)} vectors"
                "; make the nodes before anything is added"
            )
        self._start(inner)

    def _start(self, inner: LocalIndex) -> None:
        self._inner = inner
        self._changing = threading.RLock()
        self._regroupings = 0  # odd while one is under way
        self._table = NodeTable()
        self._members = NodeMembers()
        self._grouped_now: Grouped | None = None
        self._count = 0

    @property
    def inner(self) -> LocalIndex:
        """The index of nodes."""
        return self._inner

    @property
    def engine(self) -> str:
        """That of the inner index."""
        return self._inner.engine

    takes_filters = False

    @property
    def recall(self) -> float:
        """That of the inner index, which was measured over different vectors."""
        return self._inner.recall

    @property
    def parameters(self) -> dict[str, Json]:
        """Those of the inner index."""
        return self._inner.parameters

    @property
    def worn(self) -> str:
        """As the inner index says."""
        return self._inner.worn

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return self._inner.dimension

    def __len__(self) -> int:
        return self._count

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, or replace those of known keys; see `LocalIndex`.

        A search meanwhile sees those that stay alone before those that share a vector.
        """
        keys, rows = _check(keys, vectors, dimension=self.dimension)
        hashes = hashes_of(rows)
        with self._changing:
            nodes = self._nodes_of(keys)
            alone = self._stay_alone(keys, nodes, hashes)
            if alone.any():
                self._inner.upsert(keys[alone], rows if alone.all() else rows[alone])
                self._table.put(keys[alone], hashes[alone])
                self._count += int((nodes[alone] < 0).sum())
            target = self._table.find(hashes)
            rest = np.flatnonzero(~alone & ((target < 0) | (target != nodes)))
            if len(rest):
                self._regroup(keys[rest], nodes[rest], hashes[rest], rows[rest])
                self._count += int((nodes[rest] < 0).sum())

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `LocalIndex`."""
        keys = np.unique(as_keys(keys)).astype(np.int64)
        with self._changing:
            nodes = self._nodes_of(keys)
            keys, nodes = keys[nodes >= 0], nodes[nodes >= 0]
            shared = self._members.have(nodes)
            if not shared.all():
                self._inner.remove(keys[~shared])
                self._table.drop(keys[~shared])
            if shared.any():
                nowhere = np.empty((0, self.dimension), np.float32)
                self._regroup(keys[shared], nodes[shared], hashes_of(nowhere), nowhere)
            self._count -= len(keys)

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`."""
        check_wanted(k, recall)
        allowed = keys_among(among)
        for _ in range(_ATTEMPTS):
            seen = self._regroupings
            if seen % 2 == 0:
                found = self._search_nodes(queries, k, allowed, recall)
                if self._regroupings == seen:
                    return found
        with self._changing:
            return self._search_nodes(queries, k, allowed, recall)

    def save(self, folder: Path) -> list[str]:
        """Write the inner index's files, and `nodes.npz`: nodes and their hashes, grouped pictures and their nodes."""
        return self.freeze()(folder)

    def freeze(self) -> SaveTo:
        """As it is at this moment; see `LocalIndex`. Copies a byte a node, and what shares a node."""
        with self._changing:
            save_inner, table, grouped = self._inner.freeze(), self._table.freeze(), self._members.group()
        return partial(_save, save_inner, table, grouped)

    @classmethod
    def load(cls, inner: LocalIndex, source: Path | BinaryIO) -> NodeIndex:
        """An index as it was saved.

        Args:
            inner: the inner index, as it was saved.
            source: `nodes.npz`.
        Raises:
            SnapshotDamaged: when it is not of the form that `save` writes, or of another inner index.
        """
        try:
            with np.load(source, allow_pickle=False) as arrays:
                return cls.over(
                    inner,
                    nodes=arrays["nodes"].astype(np.int64),
                    hashes=arrays["hashes"].astype("S16"),
                    keys=arrays["keys"].astype(np.int64),
                    nodes_of_keys=arrays["nodes_of_keys"].astype(np.int64),
                )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise SnapshotDamaged(f"{NODES_FILE} cannot be read: {error}") from error

    @classmethod
    def over(cls, inner: LocalIndex, *, nodes: Keys, hashes: Hashes, keys: Keys, nodes_of_keys: Keys) -> NodeIndex:
        """An index over one that holds its nodes already; see `build_nodes`.

        Args:
            inner: holds just these nodes; nobody else changes it.
            nodes: shape (G,), int64, each once.
            hashes: shape (G,), bytes (S16), of the vector of each.
            keys: shape (M,), int64: the pictures that are not alone in a node of their own number.
            nodes_of_keys: shape (M,), int64, the node of each.
        Raises:
            SnapshotDamaged: when these do not fit each other, or are not as many as the inner index holds.
        """
        if nodes.shape != (len(inner),) or hashes.shape != nodes.shape or keys.shape != nodes_of_keys.shape:
            raise SnapshotDamaged(f"{nodes.shape} nodes of an index of {len(inner)} and {keys.shape} keys do not fit")
        index = cls.__new__(cls)
        index._start(inner)
        index._table.put(nodes, hashes)
        if not index._table.has(nodes_of_keys).all():
            raise SnapshotDamaged("there are pictures of nodes that there are not")
        order = np.lexsort((keys, nodes_of_keys))
        groups, starts = np.unique(nodes_of_keys[order], return_index=True)
        members = np.split(keys[order], starts[1:])[: len(groups)]
        index._members.change(keys, dict(zip(groups.tolist(), members, strict=True)))
        index._count = len(nodes) - len(groups) + len(keys)
        return index

    def _nodes_of(self, keys: Keys) -> Keys:
        """The node of each key; -1 where it is not there."""
        nodes = np.where(self._table.has(keys), keys, -1)
        self._members.correct(keys, nodes)
        return nodes

    def _stay_alone(self, keys: Keys, nodes: Keys, hashes: Hashes) -> NDArray[np.bool_]:
        """Which are new or alone, and get a vector that nobody has: most pictures, and all at once."""
        _, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        is_single = np.zeros(len(keys), bool)
        is_single[first[counts == 1]] = True
        is_new = (nodes < 0) & ~self._table.has(keys)
        was_alone = (nodes == keys) & ~self._members.have(nodes)
        return np.asarray(is_single & (self._table.find(hashes) < 0) & (is_new | was_alone))

    def _regroup(self, keys: Keys, nodes: Keys, hashes: Hashes, rows: Vectors) -> None:
        """Take pictures out of their nodes and put them into those of their hashes.

        Args:
            keys: shape (M,), int64.
            nodes: shape (M,), int64: where they are; -1 where they are new.
            hashes: shape (M,), or (0,) where they are only taken out.
            rows: shape (M, D) or (0, D), float32.
        """
        after = self._leave(keys, nodes)
        new = self._join(keys, hashes, after)
        dead = np.array([node for node, members in after.items() if not len(members)], np.int64)
        with self._regrouping():
            if len(dead):
                self._inner.remove(dead)
                self._table.drop(dead)
            if new:
                numbers, places = np.array(list(new), np.int64), list(new.values())
                self._inner.upsert(numbers, rows[places])
                self._table.put(numbers, hashes[places])
            self._members.change(keys, after)

    def _leave(self, keys: Keys, nodes: Keys) -> dict[int, Keys]:
        """The members of the nodes that some pictures leave, without these."""
        leaving: dict[int, list[int]] = defaultdict(list)
        for key, node in zip(keys.tolist(), nodes.tolist(), strict=True):
            if node >= 0:
                leaving[node].append(key)
        return {node: np.setdiff1d(self._members.of(node), gone) for node, gone in leaving.items()}

    def _join(self, keys: Keys, hashes: Hashes, after: dict[int, Keys]) -> dict[int, int]:
        """Put pictures into the nodes of their hashes, or new ones; gives the place of a vector for each new node."""
        sharing: dict[bytes, list[int]] = defaultdict(list)
        for place, found in enumerate(hashes.tolist()):
            sharing[found].append(place)
        nodes = self._table.find(np.array(list(sharing), hashes.dtype)).tolist()
        for node, places in zip(nodes, sharing.values(), strict=True):
            if node >= 0:
                after[node] = np.union1d(after.get(node, self._members.of(node)), keys[places])
        new = {}
        for node, places in zip(nodes, sharing.values(), strict=True):
            if node < 0:
                number = self._free_number(int(keys[places].min()), after)
                after[number], new[number] = np.sort(keys[places]), places[0]
        return new

    def _free_number(self, wanted: int, after: Mapping[int, Keys]) -> int:
        """A number for a new node: the wanted one, unless a node has it that lives on."""
        number, other = wanted, _FIRST_OWN_NUMBER
        while len(after[number]) if number in after else self._table.has(np.array([number], np.int64))[0]:
            number, other = other, other + 1
        return number

    @contextmanager
    def _regrouping(self) -> Iterator[None]:
        """Searches that run meanwhile search again."""
        self._regroupings += 1
        try:
            yield
        finally:
            self._grouped_now = None
            self._regroupings += 1

    def _group(self) -> Grouped:
        grouped = self._grouped_now
        if grouped is None:
            with self._changing:
                grouped = self._grouped_now = self._members.group()
        return grouped

    def _search_nodes(self, queries: Vectors, k: int, allowed: Keys | None, recall: float | None) -> Neighbours:
        if not len(self._members):
            return self._inner.search(queries, k, among=allowed, recall=recall)
        eligible = None
        if allowed is not None:
            allowed, eligible = self._group().translate(as_keys(allowed))
        found = self._nearest(queries, k, allowed, recall)
        keys = np.full((len(found.keys), k), -1, np.int64)
        similarities = np.full(keys.shape, -np.inf, np.float32)
        for n, (nodes, near) in enumerate(zip(found.keys.tolist(), found.similarities, strict=True)):
            answered, their = self._members.expand(nodes, near, k, eligible)
            keys[n, : len(answered)], similarities[n, : len(answered)] = answered, their
        return found._replace(keys=keys, similarities=similarities)

    def _nearest(self, queries: Vectors, k: int, allowed: Keys | None, recall: float | None) -> Neighbours:
        """At least k nodes; of an exact index all as near as the k-th, where the order of nodes is not that of keys."""
        if not self._members.moved and allowed is None:
            return self._inner.search(queries, k, recall=recall)
        wanted = k + 1
        while True:
            found = self._inner.search(queries, wanted, among=allowed, recall=recall)
            last = found.similarities[:, -1]
            if not found.exact or not (np.isfinite(last) & (last == found.similarities[:, k - 1])).any():
                return found
            wanted *= _WIDENING


def _save(save_inner: SaveTo, table: FrozenTable, grouped: Grouped, folder: Path) -> list[str]:
    names = save_inner(folder)
    nodes, hashes = table.pairs()
    np.savez(folder / NODES_FILE, nodes=nodes, hashes=hashes, keys=grouped.keys, nodes_of_keys=grouped.nodes)
    return [*names, NODES_FILE]


def _check(keys: Keys, vectors: Vectors, *, dimension: int) -> tuple[Keys, Vectors]:
    """Keys and vectors, of each key the last."""
    keys, rows = as_keys(keys), as_vectors(vectors, dimension=dimension)
    if len(keys) != len(rows):
        raise DimensionMismatch(
            f"expected one vector for each of {len(keys)} keys, got {len(rows)}; repeat it with as many of both"
        )
    if (keys < 0).any():
        raise BadInput(f"expected keys from 0 on, got {int(keys.min())}; number the rows: numpy.arange(len(vectors))")
    _, from_the_end = np.unique(keys[::-1], return_index=True)
    if len(from_the_end) == len(keys):
        return keys, rows
    last = np.sort(len(keys) - 1 - from_the_end)
    return keys[last], rows[last]
