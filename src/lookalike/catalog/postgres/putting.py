"""Putting pictures and vectors: new ones by COPY, those that are known by one UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopg.types.json import Jsonb

from lookalike.catalog.postgres.words import numbers_of, terms_json
from lookalike.catalog.storable import metadata_json
from lookalike.core.records import ImageRecord, Metadata
from lookalike.storage.postgres.session import Session

_NUMBERS = """
    SELECT ARRAY(SELECT nextval('ours.keys') FROM generate_series(1, %s)),
           ARRAY(SELECT nextval('ours.changes') FROM generate_series(1, %s))"""
_COPY_IMAGES = """
    COPY ours.images (key, id, width, height, format, size_bytes, taken_at, camera, metadata, terms, provisional,
        removed, seq, vector_seq) FROM STDIN (FORMAT BINARY)"""
_IMAGE_TYPES = (
    *("int8", "text", "int4", "int4", "text", "int8", "text", "text", "text", "jsonb", "bool"),
    *("bool", "int8", "int8"),
)
_COPY_NUMBERS = "COPY ours.numbers (key, name, number) FROM STDIN (FORMAT BINARY)"
_COPY_VECTORS = "COPY ours.vectors (key, vector) FROM STDIN (FORMAT BINARY)"
_UPDATE_IMAGES = """
    UPDATE ours.images i SET width = g.width, height = g.height, format = g.format, size_bytes = g.size_bytes,
        taken_at = g.taken_at, camera = g.camera, metadata = g.metadata, terms = g.terms::jsonb,
        provisional = g.provisional, removed = false, xid = pg_current_xact_id(), seq = g.seq,
        vector_xid = CASE WHEN g.has_new THEN pg_current_xact_id() ELSE i.vector_xid END,
        vector_seq = CASE WHEN g.has_new THEN g.seq ELSE i.vector_seq END
    FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::boolean[], %s::bigint[], %s::boolean[])
        AS g (key, width, height, format, size_bytes, taken_at, camera, metadata, terms, provisional, seq, has_new)
    WHERE i.key = g.key"""
_PUT_VECTORS = """
    INSERT INTO ours.vectors (key, vector) SELECT * FROM unnest(%s::bigint[], %s::bytea[])
    ON CONFLICT (key) DO UPDATE SET vector = excluded.vector"""


class Known(NamedTuple):
    """A picture that was ever taken in.

    Attributes:
        key: its key, for ever.
        removed: whether it is not there any more.
        metadata: its own; none of a removed one.
    """

    key: int
    removed: bool
    metadata: Metadata


class Put(NamedTuple):
    """A picture that is to be stored.

    Attributes:
        image: as it is stored.
        metadata: all of it.
        vector: D little-endian float16.
        seq: the number of this change.
        has_new_vector: whether it had another vector, or none, before.
    """

    image: ImageRecord
    metadata: Metadata
    vector: bytes
    seq: int
    has_new_vector: bool


def take_numbers(session: Session, *, keys: int, changes: int) -> tuple[list[int], list[int]]:
    """Keys and numbers of changes that nobody else is ever given."""
    found = session.one(_NUMBERS, (keys, changes))
    return found[0], found[1]


def same_vectors(session: Session, given: dict[int, bytes]) -> set[int]:
    """The keys whose vector is the given one already."""
    if not given:
        return set()
    rows = session.rows(
        "SELECT key, vector FROM ours.vectors WHERE key = ANY(%s::bigint[])", (list(given),), binary=True
    )
    return {key for key, vector in rows if given[key] == vector}


def add_new(session: Session, puts: dict[int, Put]) -> None:
    """Store pictures that never were there, by key."""
    rows = (
        (
            key,
            *_facts(put.image),
            metadata_json(put.metadata),
            Jsonb(terms_json(put.metadata), dumps=str),
            put.image.provisional,
            False,
            put.seq,
            put.seq,
        )
        for key, put in puts.items()
    )
    session.copy_in(_COPY_IMAGES, rows, types=_IMAGE_TYPES)
    vectors = ((key, put.vector) for key, put in puts.items())
    session.copy_in(_COPY_VECTORS, vectors, types=("int8", "bytea"))
    add_numbers(session, {key: put.metadata for key, put in puts.items()})


def add_numbers(session: Session, metadata: Mapping[int, Metadata]) -> None:
    """Note the numbers of pictures, by key, of which none are noted."""
    rows = [(key, name, number) for key, fields in metadata.items() if fields for name, number in numbers_of(fields)]
    if rows:
        session.copy_in(_COPY_NUMBERS, rows, types=("int8", "text", "numeric"))


def replace_numbers(session: Session, metadata: Mapping[int, Metadata]) -> None:
    """Note the numbers of pictures, by key, in the place of those that were noted."""
    session.change("DELETE FROM ours.numbers WHERE key = ANY(%s::bigint[])", (list(metadata),))
    add_numbers(session, metadata)


def _facts(image: ImageRecord) -> Sequence[object]:
    return image.id, image.width, image.height, image.format, image.size_bytes, image.taken_at, image.camera


def replace_known(session: Session, puts: dict[int, Put]) -> None:
    """Store pictures that are there, or were, by key."""
    ordered = sorted(puts.items())  # who changes the same ones at the same time waits, instead of for each other
    facts = [_facts(put.image)[1:] for _, put in ordered]
    columns: list[list[object]] = [[key for key, _ in ordered], *map(list, zip(*facts, strict=True))]
    columns += [[metadata_json(put.metadata) for _, put in ordered], [terms_json(put.metadata) for _, put in ordered]]
    columns += [[put.image.provisional for _, put in ordered], [put.seq for _, put in ordered]]
    columns += [[put.has_new_vector for _, put in ordered]]
    session.change(_UPDATE_IMAGES, columns)
    replace_numbers(session, {key: put.metadata for key, put in ordered})
    changed = [(key, put.vector) for key, put in ordered if put.has_new_vector]
    session.change(_PUT_VECTORS, ([key for key, _ in changed], [vector for _, vector in changed]))
