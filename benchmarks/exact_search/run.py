"""How fast the exact engine is, in batches, in the classic job and for one query. About five minutes."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.exact_search.peers import FaissFlat, Found, ScikitLearn
from benchmarks.harness import Bench, timed
from benchmarks.rows import measured, median, quartiles
from benchmarks.vectors import grown_raw
from lookalike.core.metrics import Metric
from lookalike.core.vectors import Vectors, normalise
from lookalike.index.brute_force import Nearest, nearest
from lookalike.index.exact import ExactIndex
from lookalike.index.shortlist.scan import processors

QUESTION = "How fast is exact search, and is its answer that of comparing everything?"
BATCH_BASE, BATCH_QUERIES, BATCH_K = 90_000, 2_000, 10
CLASSIC_QUERIES, CLASSIC_WIDTH, CLASSIC_K = 10_000, 2048, 3
SINGLE_BASE, SINGLE_QUERIES = 100_000, 300
ROUNDS = 5
SLOW_ROUNDS = 3
WARM_QUERIES = 300


class Split(NamedTuple):
    """Vectors of length 1: those that are searched, and queries that are not among them."""

    base: Vectors
    queries: Vectors


def measure(bench: Bench) -> None:
    vectors = grown_raw(bench.size(SINGLE_BASE) + CLASSIC_QUERIES)
    vectors = vectors[np.random.default_rng(11).permutation(len(vectors))]
    queries, base = vectors[:CLASSIC_QUERIES], vectors[CLASSIC_QUERIES:]
    _batch(bench, Split(base[:BATCH_BASE], queries[: bench.size(BATCH_QUERIES)]))
    for threads in sorted({1, processors()}):
        _single(bench, Split(base, queries[: bench.size(SINGLE_QUERIES)]), threads=threads)
    wide = _widened(vectors)
    del vectors, base, queries
    classic = Split(wide[CLASSIC_QUERIES:][:BATCH_BASE], wide[:CLASSIC_QUERIES][: bench.size(CLASSIC_QUERIES)])
    _classic(bench, classic)


def _batch(bench: Bench, data: Split) -> None:
    index, flat, neighbours = ExactIndex(data.base.shape[1]), FaissFlat(data.base), ScikitLearn(data.base)
    index.upsert(np.arange(len(data.base)), data.base)
    threads, k = processors(), BATCH_K
    for warm in (index.search, lambda q, k: flat.search(q, k, threads=threads)):
        warm(data.queries[:WARM_QUERIES], k)
    ours, whole, faiss, built, sklearn = [], [], [], [], []
    for n in range(ROUNDS):
        bench.tick()
        seconds, found = timed(lambda: index.search(data.queries, k))
        ours.append(seconds)
        seconds, by_faiss = timed(lambda: flat.search(data.queries, k, threads=threads))
        faiss.append(seconds)
        seconds, nearer = timed(lambda: nearest(data.base, data.queries, k))
        whole.append(seconds)
        seconds, _ = timed(lambda: FaissFlat(data.base).search(data.queries, k, threads=threads))
        built.append(seconds)
        if n < SLOW_ROUNDS:
            seconds, by_sklearn = timed(lambda: neighbours.search(data.queries, k))
            sklearn.append(seconds)
    name = f"{len(data.queries):,} queries x {len(data.base):,} x {data.base.shape[1]}, k = {k}"
    note = f"{threads} threads each, both indexes built; real vectors and grown ones, cosine; the queries are held out"
    _compared(bench, name, ours, faiss, "FAISS IndexFlatIP", target=">= 2.5x", note=note)
    note = "scikit-learn by the Euclidean distance, its own default, which on vectors of length 1 gives the same order"
    _compared(bench, name, ours[:SLOW_ROUNDS], sklearn, "scikit-learn brute", target=">= 8x", note=note)
    note = "from the arrays: ours quantises the base, FAISS copies it"
    _compared(bench, f"{name}, from arrays", whole, built, "FAISS IndexFlatIP", note=note)
    _agreement(bench, name, Found(found.keys, found.similarities), by_faiss, data, Metric.COSINE)
    distances = Found(by_sklearn.rows, (1 - by_sklearn.values**2 / 2).astype(np.float32))
    _agreement(bench, f"{name}, scikit-learn", Found(found.keys, found.similarities), distances, data, Metric.COSINE)
    _proven(bench, name, nearer)


def _single(bench: Bench, data: Split, *, threads: int) -> None:
    index, flat = ExactIndex(data.base.shape[1], threads=threads), FaissFlat(data.base)
    index.upsert(np.arange(len(data.base)), data.base)
    index.search(data.queries[:32], BATCH_K)  # makes the codes
    ours, faiss = [], []
    for query in data.queries[:, None]:
        ours.append(1000 * timed(partial(index.search, query, BATCH_K))[0])
        faiss.append(1000 * timed(partial(flat.search, query, BATCH_K, threads=threads))[0])
    bench.tick()
    name = f"one query x {len(data.base):,} x {data.base.shape[1]}, k = {BATCH_K}, threads: {threads}"
    note = "by turns, so that neither finds its vectors in the processor's cache; FAISS takes one thread for one query"
    target = ">= 3x" if threads == processors() else None
    _compared(bench, name, ours, faiss, "FAISS IndexFlatIP", unit="ms", target=target, note=note)


def _classic(bench: Bench, data: Split) -> None:
    k = CLASSIC_K
    nearest(data.base[:5000], data.queries[:WARM_QUERIES], k, metric=Metric.L2)
    ours = []
    for _ in range(SLOW_ROUNDS):
        bench.tick()
        seconds, found = timed(lambda: nearest(data.base, data.queries, k, metric=Metric.L2))
        ours.append(seconds)
    seconds, theirs = timed(lambda: ScikitLearn(data.base).search(data.queries, k))
    name = f"the classic job: {len(data.queries):,} queries x {len(data.base):,} x {data.base.shape[1]}, k = {k}"
    note = (
        f"from the arrays, Euclidean distance, {processors()} threads; scikit-learn once. Made of the 1280 real "
        "coordinates: 768 random directions of them, cut off below 0, beside them, and all turned at random"
    )
    ratios = [seconds / own for own in ours]
    bench.add(
        measured(
            name,
            median(ours),
            "s",
            spread=quartiles(ratios),
            peer="scikit-learn brute",
            peer_value=seconds,
            ratio=median(ratios),
            target="<= 12 s",
            note=note,
        )
    )
    _agreement(bench, name, Found(found.rows, found.values), theirs, data, Metric.L2)
    _proven(bench, name, found)


def _widened(vectors: Vectors) -> Vectors:
    """Vectors of the classic width, with neighbourhoods like those of these: shape (N, 2048), of length 1."""
    rng = np.random.default_rng(5)
    D = vectors.shape[1]
    directions = rng.standard_normal((D, CLASSIC_WIDTH - D)).astype(np.float32) / np.float32(np.sqrt(D))
    turn = np.linalg.qr(rng.standard_normal((CLASSIC_WIDTH, CLASSIC_WIDTH)))[0].astype(np.float32)
    wide = np.empty((len(vectors), CLASSIC_WIDTH), np.float32)
    for start in range(0, len(vectors), 10_000):
        some = vectors[start : start + 10_000]
        more = normalise(np.maximum(some @ directions, 0))
        wide[start : start + len(some)] = normalise(np.concatenate([some, more], axis=1) @ turn)
    return wide


def _compared(
    bench: Bench,
    name: str,
    ours: list[float],
    theirs: list[float],
    peer: str,
    *,
    unit: str = "s",
    target: str | None = None,
    note: str,
) -> None:
    ratios = [their / own for own, their in zip(ours, theirs, strict=True)]
    bench.add(
        measured(
            name,
            median(ours),
            unit,
            spread=quartiles(ratios),
            peer=peer,
            peer_value=median(theirs),
            ratio=median(ratios),
            target=target,
            note=note,
        )
    )


def _agreement(bench: Bench, name: str, ours: Found, theirs: Found, data: Split, metric: Metric) -> None:
    """How many answers are the same; those that are not, must be as near, computed anew in float64."""
    sign = 1 if metric.higher_is_closer else -1
    own, their = _values(data, ours.rows, metric), _values(data, theirs.rows, metric)
    same = 100 * float((ours.rows == theirs.rows).mean())
    note = (
        "the rest are ties within the rounding of the peer; computed anew in float64, no answer of the peer is nearer"
    )
    bench.add(measured(f"{name}: same ids as the peer", same, "%", note=note))
    worse = float(np.max(sign * (np.sort(their, axis=1) - np.sort(own, axis=1)), initial=0))
    bench.add(measured(f"{name}: how much nearer a peer's answer is, at most", worse, "", target="<= 0.000001"))


def _proven(bench: Bench, name: str, found: Nearest) -> None:
    note = "the first shortlist, of 64 rows and 4 for each answer in a stretch of the base, held all that could matter"
    bench.add(measured(f"{name}: proven without widening", 100 * found.proven, "%", note=note))


def _values(data: Split, rows: NDArray[np.int64], metric: Metric) -> NDArray[np.float64]:
    """Of the answers, anew: shape (Q, k)."""
    values = np.empty(rows.shape)
    queries = data.queries.astype(np.float64)
    for n in range(rows.shape[1]):
        some = data.base[rows[:, n]].astype(np.float64)
        if metric is Metric.L2:
            values[:, n] = np.linalg.norm(some - queries, axis=1)
        else:
            lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(queries, axis=1)
            values[:, n] = np.einsum("qd,qd->q", some, queries) / lengths
    return values
