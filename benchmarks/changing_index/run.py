"""An approximate index under filters, changes and copies; any index under labels. About six minutes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import lookalike
from benchmarks.approximate_search.truth import K, tenth_similarities
from benchmarks.collections import fill, id_of
from benchmarks.harness import Bench, CannotRun, timed
from benchmarks.rows import measured, median, quartiles
from benchmarks.vectors import searched
from lookalike.core.records import Metadata
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import LocalIndex
from lookalike.index.node_building import build_nodes

QUESTION = (
    "Do filters give all that is wanted, and in what time? Is the recall still there after many changes, and beside "
    "thousands of copies of one picture? And what does a label cost?"
)
FILTERED, CHANGED, COPIED, LABELLED = 2_000_000, 500_000, 200_000, 100_000
SHARES = (0.5, 0.05, 0.005, 0.0005)
QUERIES = 300
ROUNDS = 30
WIDTH = 1280
COPIES = 5_000
RECALL = 0.99
_ROUNDING = 1e-5
_AT_ONCE = 16_384


def measure(bench: Bench) -> None:
    try:
        import faiss
    except ImportError as error:
        raise CannotRun("needs FAISS: pip install faiss-cpu") from error
    faiss.omp_set_num_threads(2)
    _filters(bench)
    _changes(bench)
    _copies(bench)
    _labels(bench)


class _Timed(NamedTuple):
    milliseconds: list[float]
    keys: NDArray[np.int64]


def _filters(bench: Bench) -> None:
    count = bench.size(FILTERED)
    base, queries = searched(count)
    index = _built(np.arange(count), np.asarray(base))
    rng = np.random.default_rng(5)
    kept = {share: np.sort(rng.choice(count, max(1, int(share * count)), replace=False)) for share in SHARES}
    for keys in kept.values():
        keys.flags.writeable = False  # as a catalog gives them: the index may remember what it made of them
    slowest: dict[float | None, list[float]] = {share: [] for share in (None, *SHARES)}
    short, recall = dict.fromkeys(SHARES, 0), dict[float, list[float]]()
    for start in range(0, QUERIES, QUERIES // 5):
        bench.tick()
        some = queries[start : start + QUERIES // 5]
        for share in (None, *SHARES):
            answered = _asked(index, some, None if share is None else kept[share])
            slowest[share].append(float(np.percentile(answered.milliseconds, 95)))
            if share is not None:
                short[share] += int((answered.keys < 0).sum())
                recall.setdefault(share, []).append(_recall(answered.keys, base, kept[share], some))
    for share in SHARES:
        ratios = [theirs / ours for theirs, ours in zip(slowest[share], slowest[None], strict=True)]
        bench.add(
            measured(
                f"a filter that {100 * share:g} % pass: answers that are missing",
                short[share],
                "answers",
                target="<= 0 answers",
                note=f"{QUERIES} queries for {K}; recall@{K} among those that pass: {np.mean(recall[share]):.4f}",
            ),
            measured(
                f"a filter that {100 * share:g} % pass: p95 against that without a filter",
                median(ratios),
                "times",
                spread=quartiles(ratios),
                target="<= 3 times",
                note=f"p95 {median(slowest[share]):.2f} ms, without {median(slowest[None]):.2f} ms; {count:,} vectors; "
                "the keys that pass are given, as a catalog remembers them",
            ),
        )


def _changes(bench: Bench) -> None:
    """Replace a random 30 % by others, and compare with an index that never held anything else."""
    count = bench.size(CHANGED)
    everything, queries = searched(count)
    before = int(count / 1.3)
    rng = np.random.default_rng(6)
    index = _built(np.arange(before), np.asarray(everything[:before]))
    gone = rng.choice(before, int(0.3 * before), replace=False)
    new = np.arange(before, count)
    started = time.perf_counter()
    index.remove(gone)
    for start in range(0, len(new), 1000):
        index.upsert(new[start : start + 1000], np.asarray(everything[new[start : start + 1000]]))
    seconds = time.perf_counter() - started
    left = np.setdiff1d(np.arange(count), gone)
    fresh = _built(left, np.asarray(everything[left]))
    some = queries[:QUERIES]
    changed = _asked(index, some, None).keys
    worn, anew = (_recall(keys, everything, left, some) for keys in (changed, _asked(fresh, some, None).keys))
    bench.add(
        measured(
            "recall lost after deleting a random 30 % and adding as many",
            100 * (anew - worn),
            "points",
            target="<= 0.5 points",
            note=f"{count:,} vectors, before any compaction; recall@{K} {worn:.4f}, of a fresh build {anew:.4f}; the "
            f"changes took {seconds:.1f} s",
        ),
        measured(
            "deleted pictures that were answered",
            int(np.isin(changed, gone).sum()),
            "answers",
            target="<= 0 answers",
        ),
    )


def _copies(bench: Bench) -> None:
    count = bench.size(COPIED)
    base, queries = searched(count)
    base = np.array(base)
    without = _built(np.arange(count), base)
    copies = np.concatenate([base, np.repeat(base[:1], COPIES, axis=0)])
    beside = _built(np.arange(len(copies)), copies)
    others = np.flatnonzero(queries[:QUERIES] @ base[0] < 0.5)  # whose nearest are other pictures
    some, left = queries[others], np.arange(count)
    alone = _recall(_asked(without, some, None).keys, base, left, some)
    crowded = _recall(np.minimum(_asked(beside, some, None).keys, count), np.vstack([base, base[:1]]), left, some)
    bench.add(
        measured(
            f"recall of the others beside {COPIES:,} copies of one picture",
            abs(100 * (alone - crowded)),
            "points",
            target="<= 0.2 points",
            note=f"how much it changes; {count:,} vectors, {len(some)} queries; recall@{K} {alone:.4f} without the "
            f"copies, {crowded:.4f} with them",
        )
    )


def _labels(bench: Bench) -> None:
    """Label pictures, and look at the catalog as the next search does: the index has nothing to do with it."""
    count = bench.size(LABELLED)
    with lookalike.open(bench.folder("labelled")) as collection:
        fill(collection, np.random.default_rng(8).standard_normal((count, WIDTH), dtype=np.float32), numbered=False)
        parts = collection._parts  # what a search does before it searches is shown by nothing public
        parts.view.refresh()
        for labelled, rounds in ((1, ROUNDS), (count, 3)):
            quiet, after = [], []
            for n in range(rounds):
                bench.tick()
                quiet.append(timed(parts.view.refresh)[0] * 1000)
                labels: dict[str, Metadata] = {id_of(one): {"label": n} for one in range(labelled)}
                with parts.catalog.transaction() as transaction:
                    transaction.merge_metadata(labels)
                after.append(timed(parts.view.refresh)[0] * 1000)
            bench.add(
                measured(
                    f"what the next search waits for after {labelled:,} of its pictures were labelled",
                    median(after),
                    "ms",
                    spread=quartiles(after),
                    target="<= 2 ms",
                    note=f"{count:,} pictures; where nothing has changed {median(quiet):.2f} ms",
                )
            )


def _built(keys: Keys, vectors: Vectors) -> LocalIndex:
    """As a collection builds it."""
    from lookalike.index.faiss import build_index

    def batches() -> Iterator[tuple[Keys, Vectors]]:
        for start in range(0, len(keys), _AT_ONCE):
            yield keys[start : start + _AT_ONCE], vectors[start : start + _AT_ONCE]

    dimension = vectors.shape[1]
    return build_nodes(
        batches, lambda distinct, count: build_index(distinct, count=count, dimension=dimension, recall=RECALL)
    )


def _asked(index: LocalIndex, queries: Vectors, allowed: Keys | None) -> _Timed:
    milliseconds, keys = [], []
    for query in queries:
        started = time.perf_counter()
        found = index.search(query[None], K, among=allowed)
        milliseconds.append((time.perf_counter() - started) * 1000)
        keys.append(found.keys[0])
    return _Timed(milliseconds, np.array(keys))


def _recall(answers: Keys, base: Vectors, among: Keys, queries: Vectors) -> float:
    """The share of the true nearest among some of the vectors that was found, by similarities computed here."""
    tenth = tenth_similarities(base[among] if len(among) < len(base) else base, queries)
    right = [
        int((base[np.unique(row[row >= 0])] @ query >= least - _ROUNDING).sum())
        for row, query, least in zip(answers, queries, tenth, strict=True)
    ]
    return sum(right) / (K * len(queries))
