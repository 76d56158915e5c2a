"""The fields that a filter may ask for: a misspelt one would quietly find nothing."""

from __future__ import annotations

from lookalike.catalog.base import MOST_FIELDS, Catalog
from lookalike.core.errors import UnknownField
from lookalike.core.fields import BUILT_IN, FORMER_NAMES, METADATA_PREFIX, Kind
from lookalike.core.filters import Filter
from lookalike.core.operators import Op

_MOST_LISTED = 40
# What fields are called elsewhere: in replies, and in other programs.
_OTHER_NAMES = {
    "taken": "taken_at", "datetime": "taken_at", "time": "taken_at", "year": "taken_at", "bytes": "size_bytes",
     "file": "name", "filename": "name", "file_name": "name", "dir": "folder", "directory": "folder",
    "ext": "format", "extension": "format", "type": "format", "w": "width", "h": "height", "model": "camera",
    "filepath": "path",
}  # fmt: skip


def askable_fields(catalog: Catalog) -> list[str]:
    """What a filter may ask for, under the names by which it does: the built-in fields, then those of the metadata.

    A metadata field that is named as a built-in one has its prefix, as in `metadata.name`.
    """
    return [*BUILT_IN, *(_name_in_filters(name) for name in catalog.metadata_fields())]


def _name_in_filters(name: str) -> str:
    return (
        METADATA_PREFIX + name if name in BUILT_IN or name in FORMER_NAMES or name.startswith(METADATA_PREFIX) else name
    )


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
        raise _unknown(denied[0], askable_fields(catalog), where)
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
        raise _unknown(unknown[0], askable_fields(catalog), where)


def _unknown(name: str, askable: list[str], where: Filter) -> UnknownField:
    built_in = [one for one in BUILT_IN if one not in where.withheld]
    of_metadata = askable[len(BUILT_IN) :]
    listed = [*built_in, *of_metadata[:_MOST_LISTED]]
    return UnknownField(_list_fields(name, of_metadata, built_in), values={"field": name[:80], "known": listed})


def _list_fields(name: str, of_metadata: list[str], built_in: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    lowered = {one.lower(): one for one in (*built_in, *of_metadata)}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
    other = _OTHER_NAMES.get(name.lower())
    meant = other if other in built_in else lowered[close[0]] if close else None
    question = f" Did you mean {meant}?" if meant is not None else " Ask for one of those that there are."
    listed = ", ".join(of_metadata[:_MOST_LISTED]) + ", ..." * (len(of_metadata) > _MOST_LISTED)
    fields = f"the fields are {', '.join(built_in)}; of metadata: {listed or 'none'}"
    return f"no picture has a field {name[:80]!r}.{question} Of pictures and files {fields}"
