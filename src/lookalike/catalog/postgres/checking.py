"""Looking for damage: what the tables promise one another, and what is counted against what is there."""

from __future__ import annotations

from lookalike.catalog.postgres import projections, tallies
from lookalike.storage.postgres.session import Session

_QUESTIONS = {
    "{} pictures have no vector": """
        SELECT count(*) FROM ours.images i LEFT JOIN ours.vectors v ON v.key = i.key
        WHERE NOT i.removed AND v.key IS NULL""",
    "{} vectors belong to no picture": """
        SELECT count(*) FROM ours.vectors v LEFT JOIN ours.images i ON i.key = v.key AND NOT i.removed
        WHERE i.key IS NULL""",
    "{} vectors are of another length than the model's": """
        SELECT count(*) FROM ours.vectors, ours.identity WHERE length(vector) <> 2 * dimension""",
    "{} rows of files belong to no picture": """
        SELECT count(*) FROM ours.files f LEFT JOIN ours.images i ON i.key = f.key AND NOT i.removed
        WHERE i.key IS NULL""",
    "{} numbers for filters belong to no picture": """
        SELECT count(*) FROM ours.numbers n LEFT JOIN ours.images i ON i.key = n.key AND NOT i.removed
        WHERE i.key IS NULL""",
    "{} paths hold a picture and are refused as well": """
        SELECT count(*) FROM ours.files f JOIN ours.refused r ON r.path = f.path""",
    "{} vectors of further models belong to no picture or no model": """
        SELECT count(*) FROM ours.model_vectors v LEFT JOIN ours.images i ON i.key = v.key AND NOT i.removed
        LEFT JOIN ours.further_models m ON m.number = v.model WHERE i.key IS NULL OR m.number IS NULL""",
    "{} changes are of no commit that is known": """
        SELECT count(*) FROM ours.images i LEFT JOIN ours.history h ON h.xid = i.xid WHERE h.xid IS NULL""",
}
_COUNTED = {
    "images": "SELECT count(*) FROM ours.images WHERE NOT removed",
    "files": "SELECT count(*) FROM ours.files",
    "refused": "SELECT count(*) FROM ours.refused",
    "forgotten": "SELECT count(*) FROM ours.forgotten",
}


def damage(session: Session) -> list[str]:
    """What does not hold, one line each; reads everything, of one state."""
    found = []
    for line, statement in _QUESTIONS.items():
        (count,) = session.one(statement)
        if count:
            found.append(line.format(count))
    kept = tallies.counts(session)._asdict()
    for name, statement in _COUNTED.items():
        (count,) = session.one(statement)
        if count != kept[name]:
            found.append(f"{kept[name]} {name} are counted, but there are {count}")
    damaged = projections.damaged_versions(session)
    return [*found, f"{damaged} projections are not as they were written"] if damaged else found
