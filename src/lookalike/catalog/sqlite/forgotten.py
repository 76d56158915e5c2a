"""What is kept of removed pictures: their metadata, for a while, so that it can come back with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from lookalike.catalog.sqlite.errors import decoding
from lookalike.catalog.sqlite.reading import AMONG, metadata_of
from lookalike.catalog.storable import lay_over, metadata_json
from lookalike.core.records import Metadata

_PUT = """
    INSERT INTO forgotten (id, metadata, removed_at) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata, removed_at = excluded.removed_at"""


@contextmanager
def leaving_no_trace(connection: sqlite3.Connection) -> Iterator[None]:
    """What is deleted in the block is overwritten with zeros, also in pages that become free by it.

    Costs the writing of those pages, so it is not for the deleting of many vectors without need.
    """
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete = FAST")


def read_kept(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Metadata]:
    """The metadata that is kept of these ids."""
    with decoding():
        rows = connection.execute(f"SELECT id, metadata FROM forgotten WHERE id {AMONG}", (json.dumps(list(ids)),))
        return {image_id: metadata_of(metadata) for image_id, metadata in rows.fetchall()}


def keep(connection: sqlite3.Connection, metadata: Mapping[str, Metadata], *, now_s: int) -> None:
    """Keep metadata of pictures that are being removed, laid over what is kept of them already."""
    given = {image_id: fields for image_id, fields in metadata.items() if fields}
    before = read_kept(connection, given)
    rows = [
        (image_id, metadata_json(lay_over(before.get(image_id, {}), fields)), now_s)
        for image_id, fields in given.items()
    ]
    with decoding(), leaving_no_trace(connection):
        connection.executemany(_PUT, rows)


def drop(connection: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Keep nothing of these ids any more.

    Returns:
        of how many something was kept.
    """
    with decoding(), leaving_no_trace(connection):
        done = connection.execute(f"DELETE FROM forgotten WHERE id {AMONG}", (json.dumps(list(ids)),))
        return done.rowcount


def drop_older(connection: sqlite3.Connection, *, before_s: int) -> None:
    """Keep nothing any more of what was removed at that time or earlier. One look into an index where there is none."""
    due = connection.execute("SELECT 1 FROM forgotten WHERE removed_at <= ? LIMIT 1", (before_s,)).fetchone()
    if due is not None:
        with leaving_no_trace(connection):
            connection.execute("DELETE FROM forgotten WHERE removed_at <= ?", (before_s,))


def find_ids(connection: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    """Ids that begin with `prefix` of which something is kept, sorted."""
    rows = connection.execute(
        "SELECT id FROM forgotten WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", (prefix, prefix + "g", limit)
    )
    return [image_id for (image_id,) in rows]
