"""What the database knows of a version: its row, its table, and how it was tuned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from lookalike.core.records import Cursor, Json
from lookalike.index.remote import RemoteVersion
from lookalike.storage.postgres.session import Row, Session

_COLUMNS = "v.number, v.name, v.projection_version, v.dimension, v.count, v.applied, v.tuned"
_OF_INDEX = f"SELECT {_COLUMNS} FROM ours.versions v JOIN ours.indexes i ON i.number = v.index WHERE i.collection = %s"


class Point(NamedTuple):
    """An operating point of the graph.

    Attributes:
        ef: `hnsw.ef_search`: how many candidates a search keeps.
        recall: the recall@10 that was measured with it.
    """

    ef: int
    recall: float


class Tuned(NamedTuple):
    """How a version was tuned.

    Attributes:
        points: of its graph, the cheapest first; empty where all vectors are compared.
        vectors: how many there were.
        wanted: the recall that was wished.
    """

    points: tuple[Point, ...] = ()
    vectors: int = 0
    wanted: float = 1.0

    def point_for(self, recall: float | None) -> Point | None:
        """The cheapest that has a recall, or else the best; None where all vectors are to be compared.

        Args:
            recall: that is wanted; None for the one that was wished.
        """
        wanted = self.wanted if recall is None else recall
        if wanted >= 1 or not self.points:
            return None
        good = (point for point in self.points if point.recall >= wanted)
        return next(good, max(self.points, key=lambda point: point.recall))

    def to_json(self) -> str:
        """As the database keeps it."""
        return json.dumps({**self._asdict(), "points": [point._asdict() for point in self.points]})


class KnownVersion(NamedTuple):
    """A row of `ours.versions`.

    Attributes:
        number: of the version in this database; its table is named by it.
        said: what is told of it.
        tuned: how it was tuned.
    """

    number: int
    said: RemoteVersion
    tuned: Tuned

    @property
    def table(self) -> str:
        """Of its vectors: `key bigint`, `embedding halfvec`, `picture jsonb`."""
        return f"ours.v{self.number}"

    @property
    def parameters(self) -> dict[str, Json]:
        """How it was made, for people; empty where all vectors are compared."""
        if not self.tuned.points:
            return {}
        points: list[Json] = [{"ef": point.ef, "recall": point.recall} for point in self.tuned.points]
        return {"graph": "hnsw", "points": points}


def read_versions(session: Session, collection: str) -> list[KnownVersion]:
    """The versions of a collection's index."""
    return [_version(row) for row in session.rows(f"{_OF_INDEX} ORDER BY v.number", (collection,))]


def read_version(session: Session, collection: str, name: str) -> KnownVersion | None:
    """One of them; None where there is none of that name."""
    row = session.first(f"{_OF_INDEX} AND v.name = %s", (collection, name))
    return None if row is None else _version(row)


def read_serving(session: Session, collection: str) -> KnownVersion | None:
    """The one that is to be searched; None where there is none."""
    row = session.first(f"{_OF_INDEX} AND v.number = i.serving", (collection,))
    return None if row is None else _version(row)


def _version(row: Row) -> KnownVersion:
    number, name, projection_version, dimension, count, applied, tuned = row
    said = RemoteVersion(
        name=name, projection_version=projection_version, dimension=dimension, count=count, applied=Cursor(applied)
    )
    return KnownVersion(number, said, Tuned() if tuned is None else _read_tuned(tuned["points"], tuned))


def _read_tuned(points: Sequence[dict[str, float]], tuned: dict[str, float]) -> Tuned:
    read = tuple(Point(int(point["ef"]), float(point["recall"])) for point in points)
    return Tuned(read, int(tuned["vectors"]), float(tuned["wanted"]))
