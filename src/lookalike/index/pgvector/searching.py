"""The statements of a search: all rows compared, or the graph followed."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from lookalike.core.vectors import Vectors
from lookalike.index.pgvector.filters import Sql
from lookalike.index.pgvector.versions import KnownVersion, Point
from lookalike.storage.postgres.session import Row, Session

MOST_EF = 1000
"""The largest that pgvector takes."""

_EVERYTHING = Sql("true")
_ef_of: WeakKeyDictionary[object, int] = WeakKeyDictionary()  # what a connection was told last


def literal(query: Vectors) -> str:
    """A vector as a halfvec is written.

    Args:
        query: shape (d,), float32, of length 1 or 0.
    """
    return f"[{','.join(map(str, query.astype(np.float16).tolist()))}]"


def compare_all(session: Session, version: KnownVersion, query: str, k: int, where: Sql = _EVERYTHING) -> list[Row]:
    """The nearest of all that pass: key, similarity, and how many passed; ties go to the smaller key.

    The similarity is not what the graph is ordered by, so that no planner ever follows it here.
    """
    return session.rows(
        f"SELECT key, -(embedding <#> %s::halfvec) AS similarity, count(*) OVER () FROM {version.table} "
        f"WHERE {where.text} ORDER BY similarity DESC, key LIMIT %s",
        (query, *where.values, k),
    )


def compare_some(session: Session, version: KnownVersion, query: str, k: int, keys: Sequence[int]) -> list[Row]:
    """As `compare_all`, of these keys."""
    return compare_all(session, version, query, k, Sql("key = ANY(%s::bigint[])", (list(keys),)))


def follow_graph(
    session: Session, version: KnownVersion, query: str, k: int, point: Point, where: Sql = _EVERYTHING
) -> list[Row]:
    """About the nearest that pass: key and similarity, best first; fewer where the graph gave up before."""
    set_ef(session, max(point.ef, min(k, MOST_EF)))
    rows = session.rows(
        f"SELECT key, -(embedding <#> %s::halfvec) FROM {version.table} WHERE {where.text} "
        "ORDER BY embedding <#> %s::halfvec LIMIT %s",
        (query, *where.values, query, k),
    )
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def set_ef(session: Session, ef: int) -> None:
    """Have the connection follow graphs with so many candidates from now on, and go on until there are enough hits."""
    if _ef_of.get(session.connection) != ef:
        session.change(
            "SELECT set_config('hnsw.iterative_scan', 'strict_order', false), set_config('hnsw.ef_search', %s, false)",
            (str(ef),),
        )
        _ef_of[session.connection] = ef


def keys_if_few(session: Session, version: KnownVersion, where: Sql, *, most: int) -> list[int] | None:
    """Keys of the rows that pass; None where they are more than `most`, of which no more is looked for then."""
    (keys,) = session.one(
        f"WITH few AS MATERIALIZED (SELECT key FROM {version.table} WHERE {where.text} LIMIT %s) "
        "SELECT CASE WHEN (SELECT count(*) FROM few) <= %s THEN ARRAY(SELECT key FROM few) END",
        (*where.values, most + 1, most),
    )
    return None if keys is None else list(keys)
