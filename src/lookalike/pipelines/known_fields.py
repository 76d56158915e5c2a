"""A filter may ask only for fields that there are: a misspelt one would quietly find nothing."""

from __future__ import annotations

from lookalike.catalog.base import MOST_FIELDS, Catalog
from lookalike.core.condition_values import Op
from lookalike.core.errors import UnknownField
from lookalike.core.fields import BUILT_IN, Kind
from lookalike.core.filters import Filter

_MOST_LISTED = 40
# What fields are called elsewhere: in replies, and in other programs.
_OTHER_NAMES = {
    "taken_at": "date", "taken": "date", "datetime": "date", "time": "date", "year": "date", "size_bytes": "size",
    "bytes": "size", "file": "name", "filename": "name", "file_name": "name", "dir": "folder", "directory": "folder",
    "ext": "format", "extension": "format", "type": "format", "w": "width", "h": "height", "model": "camera",
    "filepath": "path",
}  # fmt: skip


def check_fields(where: Filter, catalog: Catalog) -> None:
    """See that the fields of a filter are built-in ones, or the metadata of some picture, and none that is withheld.

    Whether a field is there (`exists`) may be asked of any, and everything of an empty collection.

    Raises:
        UnknownField: for the first that is not; the message lists the fields.
    """
    denied = [
        condition.field
        for alternative in where.alternatives
        for condition in alternative
        if condition.field in where.withheld
    ]
    if denied:
        raise _unknown(denied[0], catalog.metadata_fields(), where)
    asked = {
        condition.metadata_name: None
        for alternative in where.alternatives
        for condition in alternative
        if condition.kind is Kind.TERMS and condition.op is not Op.EXISTS
    }
    if not asked:
        return
    known = catalog.metadata_fields()
    unknown = [name for name in asked if name not in known]
    if unknown and len(known) < MOST_FIELDS and catalog.facts().images:
        raise _unknown(unknown[0], known, where)


def _unknown(name: str, known: list[str], where: Filter) -> UnknownField:
    built_in = [one for one in BUILT_IN if one not in where.withheld]
    listed = [*built_in, *known[:_MOST_LISTED]]
    return UnknownField(_told(name, known, built_in), values={"field": name[:80], "known": listed})


def _told(name: str, known: list[str], built_in: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    lowered = {one.lower(): one for one in (*built_in, *known)}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
    other = _OTHER_NAMES.get(name.lower())
    meant = other if other in built_in else lowered[close[0]] if close else None
    question = f" Did you mean {meant}?" if meant is not None else ""
    listed = ", ".join(known[:_MOST_LISTED]) + ", ..." * (len(known) > _MOST_LISTED)
    fields = f"the fields are {', '.join(built_in)}; of metadata: {listed or 'none'}"
    return f"no picture has a field {name[:80]!r}.{question} Of pictures and files {fields}"
