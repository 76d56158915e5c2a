"""Tuning: the graph is built once a table is filled, and what it finds is measured against all rows."""

from __future__ import annotations

from lookalike.index.pgvector.searching import compare_all, follow_graph
from lookalike.index.pgvector.versions import KnownVersion, Point, Tuned
from lookalike.storage.postgres.session import Session

GRAPH_FROM = 10_000
"""With fewer vectors all are compared: that takes some milliseconds, and is exact."""

WIDEST = 4_000
"""Vectors of more dimensions pgvector puts into no graph of halves."""

K = 10
SAMPLE = 64
EFS = (20, 40, 80, 160, 320, 640, 1000)

_LINKS, _CANDIDATES = 16, 128  # of a node: `m` and `ef_construction`
_GROWTH = 2
_MOST_MEMORY_MB, _LEAST_MEMORY_MB = 2_048, 64


def is_tuning_due(version: KnownVersion, recall: float) -> bool:
    """Whether a graph is to be built, or measured anew: it is small, or has doubled, or another recall is wished."""
    said, tuned = version.said, version.tuned
    if said.count < GRAPH_FROM or said.dimension > WIDEST or recall >= 1:
        return False
    return said.count >= _GROWTH * tuned.vectors or tuned.wanted != recall


def build_graph(session: Session, version: KnownVersion) -> None:
    """Build the graph over a table, and what filters by equality are answered by; searches go on meanwhile."""
    said = version.said
    mb = said.count * (2 * said.dimension + 16 * _LINKS + 128) // 1_000_000
    session.change(f"SET LOCAL maintenance_work_mem = '{min(max(mb, _LEAST_MEMORY_MB), _MOST_MEMORY_MB)}MB'")
    session.change(
        f"CREATE INDEX IF NOT EXISTS v{version.number}_graph ON {version.table} USING hnsw "
        f"(embedding halfvec_ip_ops) WITH (m = {_LINKS}, ef_construction = {_CANDIDATES})"
    )
    session.change(
        f"CREATE INDEX IF NOT EXISTS v{version.number}_picture ON {version.table} USING gin (picture jsonb_path_ops)"
    )
    session.change(f"ANALYZE {version.table}")


def measure(session: Session, version: KnownVersion, *, wanted: float) -> Tuned:
    """The recall@10 of the graph by how many candidates it keeps, for some of its own vectors, each without itself."""
    share = min(100.0, 100 * 4 * SAMPLE / version.said.count)
    sample = session.rows(
        f"SELECT key, embedding::text FROM {version.table} TABLESAMPLE BERNOULLI (%s) LIMIT %s", (share, SAMPLE)
    )
    truth = [_others(compare_all(session, version, query, K + 1), key) for key, query in sample]
    points: list[Point] = []
    for ef in EFS:
        shares = [
            _share_found(_others(follow_graph(session, version, query, K + 1, Point(ef, 0.0)), key), exact)
            for (key, query), exact in zip(sample, truth, strict=True)
        ]
        points.append(Point(ef, sum(shares) / max(len(shares), 1)))
        if points[-1].recall >= 1:
            break
    return Tuned(tuple(points), version.said.count, wanted)


def _others(rows: list[tuple[int, float]], key: int) -> list[tuple[int, float]]:
    return [(other, similarity) for other, similarity, *_ in rows if other != key][:K]


def _share_found(found: list[tuple[int, float]], exact: list[tuple[int, float]]) -> float:
    """What is as near as the last of the true ones counts, whichever of those that tie were taken."""
    last = exact[-1][1]
    return min(1.0, sum(similarity >= last for _, similarity in found) / len(exact))
