"""An index in a PostgreSQL database with pgvector: a table for each version, fed and swapped in transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from lookalike.core.errors import BadInput, Conflict, DimensionMismatch, LeaseLost, NotFound, Overtaken
from lookalike.core.records import Cursor
from lookalike.core.vectors import HalfVectors, Keys, as_keys, as_vectors, to_unit
from lookalike.index.pgvector.database import SCHEMA, Database
from lookalike.index.pgvector.documents import document_of
from lookalike.index.pgvector.rows import encode_rows
from lookalike.index.pgvector.tuning import build_graph, is_tuning_due, measure
from lookalike.index.pgvector.version import PgvectorVersion
from lookalike.index.pgvector.versions import KnownVersion, Tuned, read_serving, read_version, read_versions
from lookalike.index.remote import Batch, RemoteVersion
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

T = TypeVar("T")

_ATTEMPTS = 5
_WIDEST = 16_000  # of a halfvec

_CLAIM = """
    INSERT INTO ours.indexes (collection, fence) VALUES (%s, %s)
    ON CONFLICT (collection) DO UPDATE SET fence = EXCLUDED.fence WHERE indexes.fence <= EXCLUDED.fence
    RETURNING number, serving"""
_CREATE = """
    INSERT INTO ours.versions (index, name, projection_version, dimension) VALUES (%s, %s, %s, %s)
    ON CONFLICT (index, name) DO NOTHING RETURNING number"""
_INCOMING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming (key bigint, embedding halfvec, picture jsonb)
    ON COMMIT DELETE ROWS"""
_COPY = "COPY incoming (key, embedding, picture) FROM STDIN (FORMAT BINARY)"


class _Fenced(NamedTuple):
    """A transaction that may write.

    Attributes:
        session: of it.
        of: the number of the collection's index.
        serving: the number of the version that is searched.
    """

    session: Session
    of: int
    serving: int | None


class PgvectorIndex:
    """See `lookalike.index.remote.RemoteIndex`. Several collections share a database.

    Every call that writes is one transaction that begins with the fence, so that a batch, its cursor and the right to
    write it are true together or not at all. One whose connection is lost is asked for again.

    Args:
        url: of the database: `postgresql://user:secret@host:port/name`.
        collection: gives a word for the collection that no other has; '' where nothing was written to it yet.
    Raises:
        BadInput: when that is no such URL. Nothing is connected to yet.
    """

    engine = "pgvector"
    takes_filters = True

    def __init__(self, url: str, *, collection: Callable[[], str]) -> None:
        self._pool = Pool(url, name="lookalike-vectors")
        self._database = Database(self._pool)
        self._collection = collection
        self._known: dict[str, KnownVersion] = {}

    def versions(self) -> Mapping[str, RemoteVersion]:
        """The versions that there are; see `RemoteIndex`."""
        nothing: list[KnownVersion] = []
        found = self._read(lambda session: read_versions(session, self._collection()), nothing)
        self._known = {one.said.name: one for one in found}
        return {one.said.name: one.said for one in found}

    def serving(self) -> RemoteVersion | None:
        """The version that searches are to ask; see `RemoteIndex`."""
        found = self._read(lambda session: read_serving(session, self._collection()), None)
        if found is None:
            return None
        self._known[found.said.name] = found
        return found.said

    def at(self, name: str) -> PgvectorVersion:
        """A version to search; see `RemoteIndex`."""

        def look(*, anew: bool = False) -> KnownVersion:
            found = None if anew else self._known.get(name)
            return found or self._look(name)

        return PgvectorVersion(self._pool, look)

    def claim(self, fence: int) -> None:
        """From now on refuse every smaller fence; see `RemoteIndex`."""
        self._write(fence, _nothing)

    def create(self, name: str, *, projection_version: int, dimension: int, fence: int) -> None:
        """Make an empty version; see `RemoteIndex`."""
        if not 1 <= dimension <= _WIDEST:
            raise BadInput(f"expected vectors of 1 to {_WIDEST} dimensions, got {dimension}: take another model")

        def create(fenced: _Fenced) -> None:
            session = fenced.session
            row = session.first(_CREATE, (fenced.of, name, projection_version, dimension))
            if row is not None:
                session.change(
                    f"CREATE TABLE ours.v{row[0]} "
                    f"(key bigint PRIMARY KEY, embedding halfvec({dimension}) NOT NULL, picture jsonb)"
                )

        self._write(fence, create)

    def apply(self, name: str, batch: Batch, *, cursor: Cursor, fence: int) -> None:
        """Take changes into a version, and note the cursor; see `RemoteIndex`."""

        def apply(fenced: _Fenced) -> None:
            session, known = fenced.session, self._find(fenced.session, name)
            keys, vectors = _check_batch(batch, dimension=known.said.dimension)
            count = -_remove(session, known, as_keys(batch.removed).tolist())
            if len(keys) or batch.pictures:
                documents = {key: document_of(image) for key, image in batch.pictures.items()}
                session.change(_INCOMING)
                session.copy_bytes(_COPY, encode_rows(keys, vectors, documents))
                count += _put(session, known)
            session.change(
                "UPDATE ours.versions SET count = count + %s, applied = %s WHERE number = %s",
                (count, cursor, known.number),
            )

        self._write(fence, apply)

    def tune(self, name: str, *, recall: float, fence: int) -> None:
        """Build a graph over a version that has grown large, and measure what it finds; see `RemoteIndex`.

        Nothing is locked meanwhile but the version's own table, and that only for who writes.
        """
        self._write(fence, _nothing)
        known = self._look(name)
        if not is_tuning_due(known, recall):
            return
        self._again(lambda: self._build(known))
        tuned = self._pool.ask(SCHEMA, lambda session: measure(session, known, wanted=recall))
        self._write(fence, lambda fenced: self._note(fenced.session, name, tuned))

    def swap(self, name: str, *, fence: int) -> None:
        """Have searches ask this version from now on; see `RemoteIndex`."""

        def swap(fenced: _Fenced) -> None:
            number = self._find(fenced.session, name).number
            fenced.session.change("UPDATE ours.indexes SET serving = %s WHERE number = %s", (number, fenced.of))

        self._write(fence, swap)

    def drop(self, name: str, *, fence: int) -> None:
        """Forget a version; see `RemoteIndex`."""

        def drop(fenced: _Fenced) -> None:
            session = fenced.session
            known = read_version(session, self._collection(), name)
            if known is None:
                return
            if known.number == fenced.serving:
                raise Conflict(f"expected a version that is not searched, got {name}; drop it after a swap")
            session.change("DELETE FROM ours.versions WHERE number = %s", (known.number,))
            session.change(f"DROP TABLE IF EXISTS {known.table}")

        self._write(fence, drop)

    def forget(self) -> None:
        """Drop all versions of the collection, and what is noted of them; see `RemoteIndex`."""

        def forget() -> None:
            with self._pool.transaction(SCHEMA) as session:
                session.change("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                found = session.first(
                    "SELECT number FROM ours.indexes WHERE collection = %s FOR UPDATE", (self._collection(),)
                )
                if found is None:
                    return
                for (version,) in session.rows("DELETE FROM ours.versions WHERE index = %s RETURNING number", found):
                    session.change(f"DROP TABLE IF EXISTS ours.v{version}")
                session.change("DELETE FROM ours.indexes WHERE number = %s", found)

        if self._database.is_ready():
            self._again(forget)
            self._known = {}

    def let_go(self) -> None:
        """Keep no connection open that nobody uses at the moment; see `RemoteIndex`."""
        self._pool.keep_none()

    def _build(self, known: KnownVersion) -> None:
        with self._pool.transaction(SCHEMA) as session:
            build_graph(session, known)

    def _note(self, session: Session, name: str, tuned: Tuned) -> None:
        number = self._find(session, name).number
        session.change("UPDATE ours.versions SET tuned = %s::jsonb WHERE number = %s", (tuned.to_json(), number))

    def _look(self, name: str) -> KnownVersion:
        found = self._read(lambda session: read_version(session, self._collection(), name), None)
        if found is None:
            self._known.pop(name, None)
            raise NotFound(f"expected a version that is there, got {name}: ask anew which one is searched")
        self._known[name] = found
        return found

    def _find(self, session: Session, name: str) -> KnownVersion:
        found = read_version(session, self._collection(), name)
        if found is None:
            raise NotFound(f"expected a version that is there, got {name}: make it first")
        return found

    def _read(self, call: Callable[[Session], T], nothing: T) -> T:
        """Ask something; `nothing` of a database into which nothing was written yet."""
        return self._pool.ask(SCHEMA, call) if self._database.is_ready() else nothing

    def _write(self, fence: int, call: Callable[[_Fenced], None]) -> None:
        """Change something in a transaction that others wait for, where nobody has brought a larger fence."""
        self._database.prepare()
        self._again(lambda: self._write_once(fence, call))
        self._known = {}  # what was known may be another now

    def _write_once(self, fence: int, call: Callable[[_Fenced], None]) -> None:
        collection = self._collection()
        if not collection:
            raise BadInput("expected a collection that something was written to, got a new one: add pictures first")
        with self._pool.transaction(SCHEMA) as session:
            session.change("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # who waits for the fence sees it then
            claimed = session.first(_CLAIM, (collection, fence))
            if claimed is None:
                raise LeaseLost(
                    f"expected a fence of at least the last one's, got {fence}; stop, for another one feeds now"
                )
            call(_Fenced(session, *claimed))

    def _again(self, call: Callable[[], None]) -> None:
        """Call, and once more from its beginning where the connection was lost in the middle: nothing of it remains."""

        def attempt() -> Overtaken | None:
            try:
                call()
            except Overtaken as error:
                return error
            return None

        for _ in range(_ATTEMPTS - 1):
            if attempt() is None:
                return
        call()


def _check_batch(batch: Batch, *, dimension: int) -> tuple[Keys, HalfVectors]:
    """What is put, checked: keys, shape (N,), int64, each once, of which the last counts; and rows of length 1 or 0."""
    keys, rows = as_keys(batch.keys), to_unit(as_vectors(batch.vectors, dimension=dimension))
    if len(keys) != len(rows):
        raise DimensionMismatch(
            f"expected one vector for each of {len(keys)} keys, got {len(rows)}: give as many of both"
        )
    if (keys < 0).any():
        raise BadInput(f"expected keys from 0 on, got {int(keys.min())}: give those of the catalog")
    last = np.array(list({key: n for n, key in enumerate(keys.tolist())}.values()), np.int64)
    return keys[last], rows[last].astype(np.float16)


def _remove(session: Session, known: KnownVersion, keys: list[int]) -> int:
    if not keys:
        return 0
    return session.change(f"DELETE FROM {known.table} WHERE key = ANY(%s::bigint[])", (keys,))


def _put(session: Session, known: KnownVersion) -> int:
    """Take in what was copied; how many of it were not there before."""
    table = known.table
    (new,) = session.one(
        f"WITH put AS (INSERT INTO {table} AS t SELECT key, embedding, picture FROM incoming "
        "WHERE embedding IS NOT NULL ON CONFLICT (key) DO UPDATE SET embedding = EXCLUDED.embedding, "
        "picture = coalesce(EXCLUDED.picture, t.picture) RETURNING xmax = 0 AS is_new) "
        "SELECT count(*) FILTER (WHERE is_new) FROM put"
    )
    session.change(
        f"UPDATE {table} t SET picture = i.picture FROM incoming i WHERE i.key = t.key AND i.embedding IS NULL"
    )
    return int(new)


def _nothing(_: _Fenced) -> None:
    """The fence alone is what is written."""
