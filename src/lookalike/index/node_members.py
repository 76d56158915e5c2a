"""Which pictures share a node: about 200 bytes for each of them, and none for a picture that is alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.vectors import Keys, Vectors


class Grouped(NamedTuple):
    """The pictures that are not alone in a node of their own number.

    Attributes:
        keys: shape (M,), int64, ascending.
        nodes: shape (M,), int64, the node of each.
        strange: shape (S,), int64: numbers of nodes in which the picture of that number is not.
    """

    keys: Keys
    nodes: Keys
    strange: Keys

    def translate(self, wanted: Keys) -> tuple[Keys, Keys]:
        """What to allow in an index of nodes, where only these pictures are allowed.

        Fast where the wanted ones are ascending, however many they are: most stand for themselves, and those that no
        node has the number of are passed over there.

        Args:
            wanted: shape (W,), int64.
        Returns:
            numbers of nodes, shape (A,), int64, in no order, some twice; and those of `keys` that are wanted, shape
            (B,), int64, ascending.
        """
        if (wanted[1:] < wanted[:-1]).any():
            wanted = np.sort(wanted)
        is_wanted = _are_among(self.keys, wanted)
        if _are_among(self.strange, wanted).any():
            wanted = np.setdiff1d(wanted, self.strange)
        return np.concatenate([wanted, self.nodes[is_wanted]]), self.keys[is_wanted]


class NodeMembers:
    """Nodes that are not just one picture of the node's own number. One thread may change it, others read meanwhile.

    Attributes:
        moved: how many nodes have a number that is not their smallest key.
    """

    def __init__(self) -> None:
        self._members: dict[int, Keys] = {}  # ascending
        self._node_of: dict[int, int] = {}
        self.moved = 0

    def __len__(self) -> int:
        return len(self._members)

    def of(self, node: int) -> Keys:
        """The pictures in a node: shape (M,), int64, ascending."""
        members = self._members.get(node)
        return np.array([node], np.int64) if members is None else members

    def have(self, nodes: Keys) -> NDArray[np.bool_]:
        """Which nodes are in here.

        Args:
            nodes: shape (N,), int64.
        Returns:
            shape (N,), bool.
        """
        return np.fromiter((node in self._members for node in nodes.tolist()), bool, len(nodes))

    def correct(self, keys: Keys, nodes: Keys) -> None:
        """Put the node of each picture in place of the one of its own number, or -1 where that is not its node.

        Args:
            keys: shape (N,), int64: the pictures.
            nodes: shape (N,), int64, changed in place.
        """
        if self._members:
            for n, key in enumerate(keys.tolist()):
                own = -1 if key in self._members else nodes[n]
                nodes[n] = self._node_of.get(key, own)

    def change(self, gone: Keys, after: Mapping[int, Keys]) -> None:
        """Take pictures away from where they are, then let nodes have these members, ascending; none end a node.

        Args:
            gone: shape (G,), int64.
            after: by node, shape (m,), int64 each.
        """
        for key in gone.tolist():
            self._node_of.pop(key, None)
        for node, members in after.items():
            before = self._members.pop(node, None)
            self.moved -= before is not None and before[0] != node
            if len(members) > 1 or (len(members) == 1 and members[0] != node):
                self._members[node] = members
                self._node_of.update(dict.fromkeys(members.tolist(), node))
                self.moved += bool(members[0] != node)
            elif self._node_of.get(node) == node:
                del self._node_of[node]

    def group(self) -> Grouped:
        """All of it in arrays."""
        keys = np.fromiter(self._node_of.keys(), np.int64, len(self._node_of))
        nodes = np.fromiter(self._node_of.values(), np.int64, len(self._node_of))
        order = np.argsort(keys)
        at_home = keys[keys == nodes]
        return Grouped(keys[order], nodes[order], np.setdiff1d(nodes, at_home))

    def expand(self, nodes: list[int], near: Vectors, k: int, eligible: Keys | None) -> tuple[Keys, Vectors]:
        """The k nearest pictures of nodes that stand best first, ties to the smaller key.

        Args:
            nodes: padded with -1.
            near: shape (len(nodes),), float32: how near they are.
            k: how many are wanted.
            eligible: shape (E,), int64: of the pictures in here only these may be answered, ascending; None for all.
        Returns:
            keys, shape (at most k,), int64, and how near they are, shape (at most k,), float32.
        """
        keys: list[int] = []
        counts = np.zeros(len(nodes), np.int64)
        for n, node in enumerate(nodes):
            if node < 0 or (len(keys) >= k and near[n] < near[n - 1]):
                break
            members = self._members.get(node)
            if members is not None and eligible is not None:
                members = members[_are_among(members, eligible)]
            some = [node] if members is None else members[:k].tolist()
            keys += some
            counts[n] = len(some)
        answered, similarities = np.array(keys, np.int64), np.repeat(near, counts)
        order = np.lexsort((answered, -similarities))[:k]
        return answered[order], similarities[order]


def _are_among(values: Keys, ascending: Keys) -> NDArray[np.bool_]:
    """np.isin(values, ascending), without sorting."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    places = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    return np.asarray(ascending[places] == values)
