"""How much there is, and whether anything has changed: sums of what each commit has added. No row is anybody's turn."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import NamedTuple

from lookalike.catalog.base import MOST_FIELDS
from lookalike.storage.postgres.session import Session

MANY = 64
"""After about so many commits their tallies are put together."""

FIELD = "field "
"""Before the name of a metadata field, of which the pictures that have it are counted."""

MODEL = "model "
"""Before the number of a further model, of which the vectors are counted."""

_SUMS = """
    SELECT d.key, sum(d.value::bigint) FROM ours.tallies t, jsonb_each_text(t.deltas) d
    WHERE d.key = ANY(%s::text[]) GROUP BY d.key"""
_FIELDS = """
    SELECT substr(d.key, 7) AS name, sum(d.value::bigint) FROM ours.tallies t, jsonb_each_text(t.deltas) d
    WHERE starts_with(d.key, 'field ') GROUP BY d.key"""
_SORTED = 'ORDER BY substr(d.key, 7) COLLATE "C" LIMIT %s'
_VERSION = "SELECT coalesce(sum(commits), 0)::bigint, coalesce(bit_xor(word), 0) FROM ours.tallies"
PUT = "INSERT INTO ours.tallies (commits, word, deltas) VALUES (1, %s, %s::jsonb)"
"""Says what a transaction has added: a random word, and what `deltas_json` gives."""

_FOLD = """
    WITH gone AS (
        DELETE FROM ours.tallies WHERE ctid = ANY(ARRAY(SELECT ctid FROM ours.tallies FOR UPDATE SKIP LOCKED))
        RETURNING commits, word, deltas
    ), summed AS (
        SELECT d.key, sum(d.value::bigint) AS value FROM gone, jsonb_each_text(deltas) d GROUP BY d.key
    )
    INSERT INTO ours.tallies (commits, word, deltas)
    SELECT sum(commits), bit_xor(word),
        coalesce((SELECT jsonb_object_agg(key, value) FROM summed WHERE value <> 0), '{}')
    FROM gone HAVING count(*) > 0"""
_PRUNE = """
    WITH gone AS (
        DELETE FROM ours.writes WHERE at < clock_timestamp() - interval '10 minutes' RETURNING xid
    )
    UPDATE ours.pruned SET newest = greatest(newest, (SELECT max(xid) FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)"""


class Counts(NamedTuple):
    """How many of each there are."""

    images: int
    files: int
    refused: int
    forgotten: int


def random_word() -> int:
    """A number of 63 bits that no other commit has."""
    return secrets.randbits(63)


def counts(session: Session, extra: Counter[str] | None = None) -> Counts:
    """What is there; `extra` is what a transaction has added so far."""
    found = sums(session, Counts._fields, extra)
    return Counts(*(found[name] for name in Counts._fields))


def sums(session: Session, names: tuple[str, ...], extra: Counter[str] | None = None) -> Counter[str]:
    """The sums of some tallies by name."""
    found: Counter[str] = Counter({name: int(total) for name, total in session.rows(_SUMS, (list(names),))})
    if extra is not None:
        found.update({name: extra[name] for name in names})
    return found


def fields(session: Session, extra: Counter[str] | None = None) -> list[str]:
    """The metadata fields that some picture has, sorted."""
    if not extra:
        return [
            name for name, _ in session.rows(f"{_FIELDS} HAVING sum(d.value::bigint) > 0 {_SORTED}", (MOST_FIELDS,))
        ]
    found = Counter({FIELD + name: int(total) for name, total in session.rows(_FIELDS)})
    found.update({name: more for name, more in extra.items() if name.startswith(FIELD)})
    return sorted(name.removeprefix(FIELD) for name, total in found.items() if total > 0)[:MOST_FIELDS]


def version(session: Session) -> str:
    """A word that is another one after every commit."""
    commits, word = session.one(_VERSION)
    return f"{commits} {word:x}"


def deltas_json(deltas: Counter[str]) -> str:
    """What a transaction has added, as the tallies keep it."""
    return json.dumps({name: more for name, more in deltas.items() if more})


def fold(session: Session) -> None:
    """Put tallies together, and drop what no transaction that runs can have missed. Beside all others, at any time."""
    session.change(_FOLD)
    session.change(_PRUNE)
