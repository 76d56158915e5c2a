"""Approximate search by FAISS: it proposes candidates, which are compared again with rows that we hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, DimensionMismatch
from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_keys, as_vectors, to_unit
from lookalike.index.base import SaveTo, Selection, check_wanted, keys_among
from lookalike.index.faiss import files
from lookalike.index.faiss.columns import Column, Slots, quantise
from lookalike.index.faiss.comparing import Table, error_of
from lookalike.index.faiss.eligible import Filters, Present
from lookalike.index.faiss.factory import train
from lookalike.index.faiss.files import Parameters, Stored
from lookalike.index.faiss.key_table import KeyTable
from lookalike.index.faiss.library import translating
from lookalike.index.faiss.opening import structure_of
from lookalike.index.faiss.recipes import OperatingPoint
from lookalike.index.faiss.searching import CODES_PER_ROW, Searched, search
from lookalike.index.faiss.structure import Proposal, Structure
from lookalike.index.faiss.wear import Wear

_AT_ONCE = 20_000
_MEASURED_AT_TRAINING = 1000
_MEASURED_OF_A_CALL = 16
_PIECE = 256
_UNMEASURED = OperatingPoint(recall=0.0, gap=0.2, rerank=200, scanned=0.0)


class FaissIndex:
    """See `lookalike.index.base.LocalIndex`. For millions of vectors.

    Until it is trained, by `trained` or `build`, all vectors are compared. A vector takes D * 2 + 16 bytes beside its
    code in FAISS. Similarities are those of rows rounded to 16 bits: `Neighbours.error` bounds what that does.
    Replacing and removing leave slots behind that are never answered again but go on taking space, until `compacted`.

    Args:
        dimension: D of the vectors.
    """

    engine = "faiss"
    takes_filters = False

    def __init__(self, dimension: int) -> None:
        table = Table(
            Column(np.empty(0, np.int64)), Column(np.empty((0, dimension), np.int16)), Column(np.empty(0, np.float64))
        )
        self._begin(Stored(Parameters(dimension=dimension), table, Present(0, np.empty(0, np.uint8), 0), None))

    @classmethod
    def train(
        cls, sample: Vectors, *, factory: str, order: NDArray[np.int64] | None = None, residual: bool = False
    ) -> FaissIndex:
        """An empty index whose structure is trained.

        Args:
            sample: shape (N, D), float32, vectors like those that it will hold, not necessarily unit length.
            factory: FAISS's description of the structure; see `factory`.
            order: shape (D,), int64, in which dimensions are stored; what is given and answered keeps its own.
            residual: code what is left when the centroid is taken away, where FAISS by itself would not.
        Raises:
            BadInput: when FAISS does not understand the string, or it does not fit the sample.
        """
        units = to_unit(as_vectors(sample))
        index = cls(units.shape[1])
        stored = units if order is None else np.ascontiguousarray(units[:, order])
        structure = structure_of(train(factory, stored, residual=residual))
        distances = structure.distances(stored[:: max(1, len(stored) // _MEASURED_AT_TRAINING)])
        index._structure = structure
        index._parameters = replace(
            index._parameters,
            factory=factory,
            training=len(units),
            residual=residual,
            order=None if order is None else tuple(order.tolist()),
            wear=Wear(at_training=float(distances.mean()) if len(distances) else 0.0),
        )
        return index

    @classmethod
    def build(
        cls,
        keys: Keys,
        vectors: Vectors,
        *,
        factory: str,
        points: Sequence[OperatingPoint] = (),
        recall: float = 0.99,
        training: int | None = None,
        order: NDArray[np.int64] | None = None,
        residual: bool = False,
        seed: int = 0,
    ) -> FaissIndex:
        """An index of vectors, trained on a sample of them.

        Args:
            keys: shape (N,), int64; in ascending order they take the least memory.
            vectors: shape (N, D), float32, may be a memory map: it is read in pieces.
            factory: FAISS's description of the structure; see `factory`.
            points: measured operating points, in any order.
            recall: what a search wants that asks for none.
            training: how many vectors to train on; None for all.
            order: shape (D,), int64, in which dimensions are stored.
            residual: as for `trained`.
            seed: for the choice of the sample.
        Raises:
            BadInput: when FAISS does not understand the string, or it does not fit the vectors or their number.
            DimensionMismatch, BadVectors: as `upsert`.
        """
        chosen = np.arange(len(vectors))
        if training is not None and training < len(vectors):
            chosen = np.sort(np.random.default_rng(seed).choice(len(vectors), training, replace=False))
        index = cls.train(np.asarray(vectors[chosen]), factory=factory, order=order, residual=residual)
        index.reserve(len(vectors))
        places = np.argsort(keys, kind="stable")
        for start in range(0, len(vectors), _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            index.fill(keys[some], vectors[some])
        index.set_points(points, recall=recall)
        return index

    @classmethod
    def load(cls, folder: Path, *, memory_map: bool = True) -> FaissIndex:
        """Read what `save` wrote.

        Args:
            folder: its files, which were hashed before.
            memory_map: leave in the files what can be used from there.
        Raises:
            SnapshotDamaged: when they are not what `save` writes.
        """
        return cls.over(files.load(folder, memory_map=memory_map))

    @classmethod
    def over(cls, stored: Stored) -> FaissIndex:
        """An index of what was made or read elsewhere, which is taken over."""
        index = cls.__new__(cls)
        index._begin(stored)
        return index

    @property
    def stored(self) -> Stored:
        """All that it is, at this moment: for who builds it."""
        return Stored(self._parameters, self._table, self._present, self._structure)

    def _begin(self, stored: Stored) -> None:
        self._parameters, self._table, self._structure = stored.parameters, stored.table, stored.structure
        self._present = stored.present
        self._keys = KeyTable(stored.table.keys)
        self._filters = Filters()
        self._changing = threading.Lock()

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        return self._parameters.dimension

    @property
    def recall(self) -> float:
        """The recall@10 that was measured for a search that asks for none; 1.0 while all are compared."""
        if self._structure is None:
            return 1.0
        point = self._parameters.point(None)
        return point.recall if point else 0.0

    @property
    def parameters(self) -> dict[str, Json]:
        """How it was made, for people and manifests."""
        if self._structure is None:
            return {}
        return {
            "factory": self._parameters.factory,
            "training": self._parameters.training,
            "recall": self._parameters.recall,
            "points": [asdict(point) for point in self._parameters.points],
        }

    @property
    def points(self) -> tuple[OperatingPoint, ...]:
        """The operating points, from the cheapest to the dearest."""
        return self._parameters.points

    @property
    def dead_share(self) -> float:
        """Of its slots those whose vectors were removed or replaced."""
        present = self._present
        return 1 - present.count / present.end if present.end else 0.0

    @property
    def drift(self) -> float:
        """How many times as far from their centroids as training vectors those lie that were added since."""
        return self._parameters.wear.drift

    @property
    def worn(self) -> str:
        """Why it should be made anew; empty while it is good."""
        return self._parameters.wear.complaint(dead_share=self.dead_share, count=len(self))

    def __len__(self) -> int:
        return self._present.count

    def set_points(self, points: Sequence[OperatingPoint], *, recall: float) -> None:
        """Say what was measured, and what a search wants that asks for no recall."""
        rising = tuple(sorted(points, key=lambda point: point.scanned + CODES_PER_ROW * point.rerank))
        with self._changing:
            self._parameters = replace(self._parameters, points=rising, recall=recall)

    def reserve(self, count: int) -> None:
        """Make room for `count` vectors, so that none is copied while it grows; room takes no memory until used."""
        for column in self._table:
            column.reserve(count)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace vectors; see `LocalIndex`. A search sees all of a call, or nothing of it."""
        self._upsert(keys, vectors, filling=False)

    def fill(self, keys: Keys, vectors: Vectors) -> None:
        """As `upsert`, but fast where searches may wait, and not counted as change since training.

        Args:
            keys: shape (N,), int64.
            vectors: shape (N, D), float32, not necessarily unit length.
        """
        self._upsert(keys, vectors, filling=True)

    def remove(self, keys: Keys) -> None:
        """Remove vectors; see `LocalIndex`."""
        checked = as_keys(keys)
        with self._changing:
            dead = self._live_slots(checked)
            if len(dead):
                self._present = self._present.with_new(0, dead)

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`.

        The cheapest operating point with the recall is taken; where none has it, all are compared.
        """
        check_wanted(k, recall)
        allowed = keys_among(among)
        point = self._parameters.point(recall) if recall != 1 else None
        if recall is None and point is None:
            point = _UNMEASURED
        units = self._as_stored(to_unit(as_vectors(queries, dimension=self.dimension)))
        present = self._present
        eligible = self._filters.eligible(allowed, self._keys, present)
        error = error_of(self._parameters.rows_error, self.dimension)
        return search(Searched(self._table, self._structure, eligible, error), units, k, point=point)

    def propose(self, queries: Vectors, *, gap: float, depth: int) -> Proposal:
        """Candidates by their codes alone, for measuring operating points.

        Args:
            queries: shape (Q, D), float32, not necessarily unit length.
            gap: as in `OperatingPoint`.
            depth: how many to propose.
        Returns:
            with keys in the place of slots.
        Raises:
            BadInput: when the index is not trained.
        """
        if self._structure is None:
            raise BadInput("expected an index that is trained, got one that compares all vectors; open it with exact")
        units = self._as_stored(to_unit(as_vectors(queries, dimension=self.dimension)))
        proposal = self._structure.propose(units, depth, gap=gap, allowed=self._present.alive)
        slots = proposal.slots
        keys = self._table.keys.take(np.maximum(slots, 0).ravel()).reshape(slots.shape)
        return proposal._replace(slots=np.where(slots >= 0, keys, -1))

    def centroid_similarities(self, queries: Vectors) -> Vectors:
        """Of queries, shape (Q, D), and the centroids of the lists: shape (Q, lists); (Q, 0) where there are none.

        Args:
            queries: shape (Q, D), float32, not necessarily unit length.
        Returns:
            shape (Q, lists), float32; (Q, 0) where there are no lists.
        """
        units = self._as_stored(to_unit(as_vectors(queries, dimension=self.dimension)))
        if self._structure is None:
            return np.empty((len(units), 0), np.float32)
        return self._structure.centroid_similarities(units)

    def live(self) -> Iterator[tuple[Keys, Vectors]]:
        """What is stored at this moment, in ascending order of key, in pieces.

        Returns:
            keys, shape (n,), int64, and vectors, shape (n, D), float32, of length 1 or 0.
        """
        present = self._present
        slots = np.flatnonzero(np.unpackbits(present.alive, count=present.end, bitorder="little"))
        slots = slots[np.argsort(self._table.keys.take(slots), kind="stable")]
        for start in range(0, len(slots), _AT_ONCE):
            some = slots[start : start + _AT_ONCE]
            yield self._table.keys.take(some), self._vectors(some)

    def compact(self, *, seed: int = 0) -> FaissIndex:
        """A new index of what is stored at this moment, trained anew; nobody has to wait for it."""
        fresh = FaissIndex(self.dimension)
        parameters, present = self._parameters, self._present
        if parameters.factory:
            alive = np.flatnonzero(np.unpackbits(present.alive, count=present.end, bitorder="little"))
            chosen = np.random.default_rng(seed).choice(alive, min(len(alive), parameters.training), replace=False)
            order = None if parameters.order is None else np.array(parameters.order)
            fresh = FaissIndex.train(
                self._vectors(np.sort(chosen)), factory=parameters.factory, order=order, residual=parameters.residual
            )
        fresh.reserve(present.count)
        for keys, vectors in self.live():
            fresh.fill(keys, vectors)
        fresh.set_points(parameters.points, recall=parameters.recall)
        return fresh

    def save(self, folder: Path) -> list[str]:
        """Write the index; see `files`. Who changes it waits meanwhile, who searches does not."""
        with self._changing:
            return files.save(Stored(self._parameters, self._table, self._present, self._structure), folder)

    def freeze(self) -> SaveTo:
        """As it is at this moment; see `LocalIndex`. Rows are only appended behind those that are there."""
        with self._changing:
            save_structure = self._structure.freeze() if self._structure else None
            stored = Stored(self._parameters, self._table, self._present, None)
        return lambda folder: files.save(stored, folder) + (save_structure(folder) if save_structure else [])

    def _upsert(self, keys: Keys, vectors: Vectors, *, filling: bool) -> None:
        keys = as_keys(keys)
        units = to_unit(as_vectors(vectors, dimension=self.dimension))
        if len(keys) != len(units):
            raise DimensionMismatch(
                f"expected one vector for each of {len(keys)} keys, got {len(units)}; repeat it with as many of both"
            )
        if (keys < 0).any():
            raise BadInput(
                f"expected keys from 0 on, got {int(keys.min())}; number the rows: numpy.arange(len(vectors))"
            )
        keys, units = _last_of_each(keys, self._as_stored(units))
        if len(keys):
            with self._changing:
                self._put(keys, units, filling=filling)

    def _put(self, keys: Keys, units: Vectors, *, filling: bool) -> None:
        rows, scales, error = quantise(units)
        dead = self._live_slots(keys)
        self._parameters = replace(self._parameters, rows_error=max(self._parameters.rows_error, error))
        if self._structure is not None:
            self._add(self._structure, units, filling=filling)
        self._table.rows.append(rows)
        self._table.scales.append(scales)
        self._keys.add(keys)
        self._present = self._present.with_new(len(keys), dead)  # from here on searches see it

    def _add(self, structure: Structure, units: Vectors, *, filling: bool) -> None:
        """Put codes behind the last; until a search sees the slots, they are proposed to nobody."""
        first = self._present.end
        try:
            expected = f"expected a structure that can be added to, got {self._parameters.factory!r}"
            with translating(BadInput, expected, to_do="; choose another engine, or `auto`"):
                structure.add(units, first=first, piece=len(units) if filling else _PIECE)
        except BaseException:
            if structure.count != first:  # it holds codes of what we do not hold: no more is it asked
                self._structure = None
            raise
        if not filling:
            wear = self._parameters.wear.with_added(len(units), structure.distances(units[:_MEASURED_OF_A_CALL]))
            self._parameters = replace(self._parameters, wear=wear)

    def _live_slots(self, keys: Keys) -> Slots:
        slots = self._keys.slots(keys)
        return slots[self._present.holds(slots)]

    def _as_stored(self, units: Vectors) -> Vectors:
        order = self._parameters.order
        return units if order is None else np.ascontiguousarray(units[:, order])

    def _vectors(self, slots: Slots) -> Vectors:
        """As they were given but for length and rounding: shape (M, D), float32."""
        stored = (self._table.rows.take(slots) * self._table.scales.take(slots)[:, None]).astype(np.float32)
        if self._parameters.order is None:
            return stored
        vectors = np.empty_like(stored)
        vectors[:, self._parameters.order] = stored
        return vectors


def _last_of_each(keys: Keys, units: Vectors) -> tuple[Keys, Vectors]:
    """Each key once, with its last vector, in ascending order."""
    if (np.diff(keys) > 0).all():
        return keys, units
    once, places = np.unique(keys[::-1], return_index=True)
    return once, units[::-1][places]
