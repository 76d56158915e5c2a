"""One version of an index in PostgreSQL, to be searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lookalike.core.ending import check_wanted as check_somebody_waits
from lookalike.core.errors import NotFound
from lookalike.core.filters import Filter
from lookalike.core.records import Json, Neighbours
from lookalike.core.saying import PlanCode, among_filtered, exact_plan
from lookalike.core.vectors import Vectors, as_vectors, to_unit
from lookalike.core.wording import words_of
from lookalike.index.base import Selection, check_wanted
from lookalike.index.pgvector.database import SCHEMA
from lookalike.index.pgvector.filters import Sql, condition_of
from lookalike.index.pgvector.searching import compare_all, compare_some, follow_graph, keys_if_few, literal
from lookalike.index.pgvector.tuning import SAMPLE, K
from lookalike.index.pgvector.versions import KnownVersion, Point
from lookalike.storage.postgres.errors import Lacking
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Row, Session

FEW = 10_000
"""Of so many that may be answered, all are compared: the graph would have to go far for them."""

ERROR = 1.1e-3
"""How far a similarity can be off: rows and queries are rounded to halves, by 2^-11 each, and summed in float32."""


SUREST = 1 - 1 / (SAMPLE * K)
"""What a sample can say of a graph at most: that it missed fewer than one of all that it was asked for."""


class _Asked(NamedTuple):
    """What is asked of each query.

    Attributes:
        k: how many.
        point: of the graph; None where all are compared.
        where: which rows may be answered.
        keys: the keys of these, where they are few.
    """

    k: int
    point: Point | None
    where: Sql
    keys: list[int] | None = None


class PgvectorVersion:
    """See `lookalike.index.base.Index`. Vectors are kept as halves, so that similarities are off by `ERROR` at most.

    Args:
        pool: connections to the database.
        look: gives what is known of the version; anew where that is asked for.
    """

    engine = "pgvector"
    takes_filters = True

    def __init__(self, pool: Pool, look: Callable[..., KnownVersion]) -> None:
        self._pool = pool
        self._look = look

    @property
    def recall(self) -> float:
        """The recall@10 that was measured for a search that asks for none; 1.0 where all vectors are compared.

        A graph has less, also where a sample missed nothing.
        """
        point = self._look().tuned.point_for(None)
        return 1.0 if point is None else min(point.recall, SUREST)

    @property
    def parameters(self) -> dict[str, Json]:
        """Of its graph; empty where all vectors are compared."""
        return self._look().parameters

    @property
    def dimension(self) -> int:
        """D of its vectors."""
        return self._look().said.dimension

    def __len__(self) -> int:
        return self._look(anew=True).said.count

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query; see `Index`.

        The graph is followed where that is exact enough, and nothing narrows the search to a few; where it gives up
        before it has k, all are compared.
        """
        check_wanted(k, recall)
        known = self._look()
        units = to_unit(as_vectors(queries, dimension=known.said.dimension))
        point = known.tuned.point_for(recall)

        def answer(session: Session) -> tuple[list[list[Row]], bool]:
            asked = _plan(session, known, k, point, among)
            rows, is_exact = [], asked.point is None
            for query in units:
                check_somebody_waits()
                found, followed = _answer(session, known, asked, literal(query))
                rows.append(found)
                is_exact = is_exact or not followed
            return rows, is_exact and asked.point is None

        try:
            rows, exact = self._pool.ask(SCHEMA, answer)
        except Lacking as error:
            raise NotFound(f"expected a version that is there, but {known.said.name} was dropped: ask anew") from error
        return _neighbours(rows, k, exact=exact, point=point, among=among)


def _plan(session: Session, known: KnownVersion, k: int, point: Point | None, among: Selection) -> _Asked:
    if among is None:
        return _Asked(k, point, Sql("true"))
    if isinstance(among, Filter):
        where = condition_of(among)
        if point is None:
            return _Asked(k, None, where)
        keys = keys_if_few(session, known, where, most=FEW)
        return _Asked(k, point, where) if keys is None else _Asked(k, None, where, keys)
    unique = np.unique(np.asarray(among, np.int64)).tolist()
    if len(unique) <= FEW or point is None:
        return _Asked(k, None, Sql("true"), unique)
    return _Asked(k, point, Sql("key = ANY(%s::bigint[])", (unique,)))


def _answer(session: Session, known: KnownVersion, asked: _Asked, query: str) -> tuple[list[Row], bool]:
    """The rows for one query, and whether the graph gave them."""
    if asked.keys is not None:
        return compare_some(session, known, query, asked.k, asked.keys), False
    if asked.point is not None:
        rows = follow_graph(session, known, query, asked.k, asked.point, asked.where)
        if len(rows) == asked.k:
            return rows, True
    return compare_all(session, known, query, asked.k, asked.where), False


def _neighbours(rows: list[list[Row]], k: int, *, exact: bool, point: Point | None, among: Selection) -> Neighbours:
    keys = np.full((len(rows), k), -1, np.int64)
    similarities = np.full((len(rows), k), -np.inf, np.float32)
    for n, found in enumerate(rows):
        keys[n, : len(found)] = [row[0] for row in found]
        similarities[n, : len(found)] = np.clip([row[1] for row in found], -1, 1)
    if exact or point is None:
        compared = max((found[0][2] for found in rows if found), default=0)
        plan = exact_plan(None if among is None else compared)
        return Neighbours(keys, similarities, exact=True, scanned=compared, plan=plan, error=ERROR)
    plan = words_of(f"graph: {point.ef:,} compared again", PlanCode.GRAPH, compared=point.ef)
    if among is not None:
        plan = among_filtered(plan)
    return Neighbours(keys, similarities, exact=False, scanned=point.ef, plan=plan, error=ERROR)
