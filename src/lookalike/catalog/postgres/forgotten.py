"""Metadata of removed pictures, kept for a while: each function is one statement or two within a transaction.

What is deleted is gone for all who ask; its bytes stay in unused parts of the server's files and in its log until these
are written over, as with every row of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lookalike.catalog.postgres.reading import metadata_of, possible_ids
from lookalike.catalog.storable import lay_over, metadata_json
from lookalike.core.records import Metadata
from lookalike.storage.postgres.session import Session

_PUT = """
    INSERT INTO ours.forgotten (id, metadata, removed_at)
    SELECT g.id, g.metadata, %s FROM unnest(%s::text[], %s::text[]) AS g (id, metadata) ORDER BY g.id
    ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata, removed_at = excluded.removed_at
    RETURNING xmax = 0"""


def read_kept(session: Session, ids: Iterable[str]) -> dict[str, Metadata]:
    """The metadata that is kept of these ids."""
    rows = session.rows("SELECT id, metadata FROM ours.forgotten WHERE id = ANY(%s::text[])", (possible_ids(ids),))
    return {image_id: metadata_of(metadata) for image_id, metadata in rows}


def keep(session: Session, metadata: Mapping[str, Metadata], *, now_s: int) -> int:
    """Keep metadata of pictures that are being removed, laid over what is kept of them; of how many none was kept."""
    given = {image_id: fields for image_id, fields in metadata.items() if fields}
    if not given:
        return 0
    before = read_kept(session, given)
    laid = [metadata_json(lay_over(before.get(image_id, {}), fields)) for image_id, fields in given.items()]
    return sum(is_new for (is_new,) in session.rows(_PUT, (now_s, list(given), laid)))


def drop(session: Session, ids: Iterable[str]) -> int:
    """Keep nothing of these ids any more; of how many something was kept."""
    return session.change("DELETE FROM ours.forgotten WHERE id = ANY(%s::text[])", (possible_ids(ids),))


def drop_older(session: Session, *, before_s: int) -> int:
    """Keep nothing any more of what was removed at that time or earlier; how many these were."""
    return session.change("DELETE FROM ours.forgotten WHERE removed_at <= %s", (before_s,))
