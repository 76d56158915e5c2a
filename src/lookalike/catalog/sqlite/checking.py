"""Looking for damage: everything is read, and held against what the tables promise one another."""

from __future__ import annotations

import sqlite3

from lookalike.catalog.sqlite.projections import damaged_versions

MOST_LINES = 20


def _find_miscounted(table: str, counts: str) -> str:
    kept = f"(SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'count {table}')"
    return f"SELECT abs(count(*) - coalesce({kept}, -1)) FROM {table} WHERE {counts}"


_SHOULD_BE_NONE = (
    (
        "SELECT count(*) FROM images i"
        " WHERE NOT i.removed AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.key = i.key)",
        "pictures without a vector",
    ),
    (
        "SELECT count(*) FROM vectors v JOIN images i ON i.key = v.key WHERE i.removed",
        "vectors of pictures that were removed",
    ),
    ("SELECT count(*) FROM files f JOIN images i ON i.key = f.key WHERE i.removed", "files of removed pictures"),
    (
        "SELECT count(*) FROM vectors WHERE typeof(vector) != 'blob'"
        " OR length(vector) != 2 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'dimension')",
        "vectors of another width than the model's",
    ),
    (
        "SELECT count(*) FROM images WHERE CASE WHEN json_valid(metadata) THEN json_type(metadata) END IS NOT 'object'",
        "pictures whose metadata is no JSON object",
    ),
    (
        "SELECT count(*) FROM images WHERE length(id) != 64 OR id GLOB '*[^0-9a-f]*'",
        "pictures whose id is no SHA-256",
    ),
    (
        "SELECT count(*) FROM images"
        " WHERE seq > coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'last_seq'), 0)",
        "changes with a number beyond the last one given",
    ),
    (
        "SELECT count(*) FROM images WHERE vector_seq > seq OR vector_seq < 1 OR (removed AND vector_seq != seq)",
        "vectors with the number of another change than one of theirs",
    ),
    (
        "SELECT count(*) FROM model_vectors v JOIN images i ON i.key = v.key WHERE i.removed",
        "vectors of further models of pictures that were removed",
    ),
    (
        "SELECT count(*) FROM model_vectors v JOIN further_models m ON m.number = v.model"
        " WHERE typeof(v.vector) != 'blob' OR length(v.vector) != 2 * m.dimension",
        "vectors of further models of another width than the model's",
    ),
    (_find_miscounted("images", "NOT removed"), "pictures more or fewer than were counted"),
    (_find_miscounted("files", "1"), "files more or fewer than were counted"),
    (_find_miscounted("refused", "1"), "refused files more or fewer than were counted"),
    (_find_miscounted("forgotten", "1"), "removed pictures of which metadata is kept, more or fewer than were counted"),
    (
        "SELECT coalesce(sum(abs(m.count - (SELECT count(*) FROM model_vectors v WHERE v.model = m.number))), 0)"
        " FROM further_models m",
        "vectors of further models more or fewer than were counted",
    ),
)


def damage(connection: sqlite3.Connection) -> list[str]:
    """What is wrong, one line each; empty where nothing is. Reads the whole file."""
    found = [f"integrity: {line}" for line in integrity(connection)]
    if found:  # what the tables say of one another means nothing then
        return found[:MOST_LINES]
    broken = connection.execute('SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY "table"')
    found += [f"{count} rows of {table} belong to no picture" for table, count in broken]
    for statement, what in _SHOULD_BE_NONE:
        (count,) = connection.execute(statement).fetchone()
        found += [f"{count} {what}"] if count else []
    if count := damaged_versions(connection):
        found.append(f"{count} projections are not as they were written")
    return found


def integrity(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with a file of any format; empty where nothing is."""
    rows = connection.execute(f"PRAGMA integrity_check({MOST_LINES})").fetchall()
    lines = [line for (text,) in rows for line in str(text).splitlines() if not line.startswith("***")]
    return [] if lines == ["ok"] else lines or ["the check ended without an answer"]
