"""Building an index in pieces: sample and train, fill, measure. Each stage is kept, so that a killed build goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Keys, Vectors, normalise, to_unit
from lookalike.index.base import Batches
from lookalike.index.faiss.columns import Slots, quantise
from lookalike.index.faiss.comparing import Table
from lookalike.index.faiss.eligible import Present
from lookalike.index.faiss.factory import describe
from lookalike.index.faiss.files import Parameters, Stored, parameters_json, parameters_of
from lookalike.index.faiss.index import FaissIndex
from lookalike.index.faiss.library import faiss
from lookalike.index.faiss.recipes import OperatingPoint, paired_order, recipe
from lookalike.index.faiss.structure import Structure
from lookalike.index.faiss.tuning import QUERIES, K, Proposed, measure_operating_points
from lookalike.index.faiss.workplace import Workplace
from lookalike.storage.temporary_folder import given_or_temporary

_AT_ONCE = 16_384
_COMPARED_AT_ONCE = 65_536
_KEPT_EVERY = 1_000_000
_BYTES_A_VALUE = 40
"""Of a batch while it is brought to 16 bits and coded: float32 twice, float64 three times, and what FAISS takes."""

_BYTES_OF_TRAINING = 3
_BASE_BYTES = 64_000_000
_LIST_BYTES = 8


def build_index(
    batches: Batches,
    *,
    count: int,
    dimension: int,
    factory: str | None = None,
    recall: float = 0.99,
    memory_bytes: int | None = None,
    workplace: Path | None = None,
    subject: str = "",
) -> FaissIndex:
    """Build an index for the recall that is wanted.

    Args:
        batches: what is to be in it.
        count: how many vectors there are, about.
        dimension: D.
        factory: FAISS's description of the structure; None for what suits the number of vectors.
        recall: what a search wants that asks for none.
        memory_bytes: what building may take at most, the codes that stay in memory included; rows lie in files that are
            mapped into memory. None sets no bound.
        workplace: a folder that is kept while building, from which a killed build of the same subject goes on; None for
            a temporary one.
        subject: names what `batches` gives, for `workplace`.
    Returns:
        the index, measured; its rows are mapped from the workplace's files, which may be deleted meanwhile.
    Raises:
        BadInput: when FAISS refuses the factory string, or the memory is not enough.
        StorageFailed: when the workplace cannot be written.
    """
    plan = _plan(count, dimension, factory)
    _check_memory(plan, count, dimension, memory_bytes)
    with given_or_temporary(workplace) as folder:
        place = Workplace(folder, subject=f"{subject} {plan} of {dimension}", dimension=dimension)
        if not place.state.parameters:
            _train(place, batches, plan)
        structure, parameters = _fill(place, batches)
        table = place.table()
        stored = Stored(parameters, table, _everything(len(table.keys)), structure)
        index = FaissIndex.over(stored)
        index.set_points(_measure(stored, structure), recall=recall)
    return index


class _Plan(NamedTuple):
    factory: str
    training: int
    paired: bool
    residual: bool


def _plan(count: int, dimension: int, factory: str | None) -> _Plan:
    made = recipe(max(1, count), dimension)
    if factory is None:
        return _Plan(*made)
    return _Plan(factory, min(max(1, count), max(made.training, 100_000)), paired=False, residual=False)


def _check_memory(plan: _Plan, count: int, dimension: int, memory_bytes: int | None) -> None:
    """Codes, list numbers, the training sample, and a batch; what FAISS needs for others than our recipes it tells."""
    if memory_bytes is None:
        return
    codes = count * (_code_bytes(plan.factory, dimension) + _LIST_BYTES)
    training = _BYTES_OF_TRAINING * 4 * plan.training * dimension
    least = _BASE_BYTES + max(training, codes + min(count, _AT_ONCE) * dimension * _BYTES_A_VALUE)
    if memory_bytes < least:
        raise BadInput(
            f"expected at least {-(-least // 2**20)}M of memory to index {count:,} vectors of {dimension} dimensions "
            f"as {plan.factory}, got {memory_bytes / 2**20:.3g}M: give more, or a factory string of shorter codes"
        )


def _code_bytes(factory: str, dimension: int) -> int:
    """Of a vector, for the codes of our recipes; for others as for 8 bits a dimension."""
    codes = factory.rsplit(",", 1)[-1]
    if codes.startswith("PQ") and codes.endswith("x4fs") and codes[2:-4].isdigit():
        return int(codes[2:-4]) // 2
    return 4 * dimension if "Flat" in codes else dimension


def _train(place: Workplace, batches: Batches, plan: _Plan) -> None:
    sample = _evenly(batches, plan.training)
    order = paired_order(sample) if plan.paired else None
    stored = FaissIndex.train(sample, factory=plan.factory, order=order, residual=plan.residual).stored
    if stored.structure is None:
        raise BadInput(
            f"expected a factory string of an index that is built, got {plan.factory!r}"
            "; take exact for one that compares all"
        )
    place.keep_training(stored.structure, parameters_json(stored.parameters))


def _evenly(batches: Batches, training: int) -> Vectors:
    """Vectors spread evenly over all batches."""
    total = sum(len(keys) for keys, _ in batches())
    if not total:
        raise BadInput("expected vectors to index, got none; index pictures first")
    wanted = _places_of_training(total, training)
    parts, start = [], 0
    for keys, vectors in batches():
        inside = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + len(keys))]
        parts.append(vectors[inside - start])
        start += len(keys)
    return np.concatenate(parts)


def _places_of_training(total: int, training: int) -> Slots:
    return np.unique(np.linspace(0, total - 1, min(total, training)).astype(np.int64))


def _fill(place: Workplace, batches: Batches) -> tuple[Structure, Parameters]:
    parameters = parameters_of(place.state.parameters)
    structure = place.structure(shards=describe(parameters.factory).shards)
    order = None if parameters.order is None else np.array(parameters.order)
    done, error = place.state.done, place.state.rows_error
    for keys, vectors in _pieces(batches, skip=done):
        stored = np.ascontiguousarray(to_unit(vectors) if order is None else to_unit(vectors)[:, order])
        rows = quantise(stored)
        place.append(keys, rows, first=done)
        structure.add(stored, first=done, piece=len(stored))
        done, error = done + len(keys), max(error, rows.error)
        if done - place.state.done >= _KEPT_EVERY:
            place.keep(structure, done=done, rows_error=error)
    if done != place.state.done:
        place.keep(structure, done=done, rows_error=error)
    return structure, replace(parameters, rows_error=error)


def _pieces(batches: Batches, *, skip: int) -> Iterator[tuple[Keys, Vectors]]:
    """Batches without the first vectors, cut to a size that bounds what a piece takes."""
    for keys, vectors in batches():
        passed = min(skip, len(keys))
        skip -= passed
        for start in range(passed, len(keys), _AT_ONCE):
            yield keys[start : start + _AT_ONCE], vectors[start : start + _AT_ONCE]


def _everything(end: int) -> Present:
    alive = np.full((end + 7) // 8, 255, np.uint8)
    if end % 8:
        alive[-1] = (1 << end % 8) - 1
    return Present(end, alive, end)


def _measure(stored: Stored, structure: Structure) -> tuple[OperatingPoint, ...]:
    """Operating points, by vectors of the index that it was not trained on, where there are such."""
    end = stored.present.end
    slots = np.random.default_rng(1).permutation(end)[: 4 * QUERIES]
    fresh = slots[~np.isin(slots, _places_of_training(end, stored.parameters.training))]
    slots = np.sort(fresh if len(fresh) >= QUERIES else slots)[:QUERIES]
    units = normalise(stored.table.rows.take(slots).astype(np.float32))

    def propose(gap: float, depth: int) -> Proposed:
        proposal = structure.propose(units, min(depth, end), gap=gap, allowed=stored.present.alive)
        return Proposed(proposal.slots, proposal.scanned)

    return measure_operating_points(
        truth=_true_nearest(stored.table, slots, units),
        propose=propose,
        centroid_similarities=structure.centroid_similarities(units),
    )


def _true_nearest(table: Table, slots: Slots, units: Vectors) -> Slots:
    """The slots of the ten nearest others of some rows, every row compared: shape (Q, 10), padded with -1."""
    best = np.full((len(slots), K + 1), -np.inf, np.float32)
    found = np.full((len(slots), K + 1), -1, np.int64)
    for first, rows in table.rows.blocks(len(table.rows), _COMPARED_AT_ONCE):
        scales = table.scales.take(np.arange(first, first + len(rows)))
        block = rows * scales[:, None].astype(np.float32)
        similarities, places = faiss().knn(units, block, min(K + 1, len(block)), metric=faiss().METRIC_INNER_PRODUCT)
        both, where = np.concatenate([best, similarities], 1), np.concatenate([found, places + first], 1)
        order = np.argsort(-both, axis=1, kind="stable")[:, : K + 1]
        best, found = np.take_along_axis(both, order, 1), np.take_along_axis(where, order, 1)
    truth = np.full((len(slots), K), -1, np.int64)
    for n, (slot, row) in enumerate(zip(slots, found, strict=True)):
        others = row[(row != slot) & (row >= 0)][:K]
        truth[n, : len(others)] = others
    return truth
