"""Metadata as it is kept for filters: JSON that an index understands, equal to `lookalike.core.fields.terms`.

    {"names": ["label"], ".label": [{"t": "7", "n": 7}, {"t": "red"}]}

So `terms @> {".label": [{"n": 7}]}` is found by the index whatever is asked for, and so is whether a field is there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

from lookalike.core.fields import Term, searchable_text, terms
from lookalike.core.records import Metadata

NAMES = "names"


def field_key(name: str) -> str:
    """Under which a field of the user's is kept."""
    return "." + searchable_text(name)


def names_of(metadata: Metadata) -> list[str]:
    """The fields that have a value, as filters know them, each once."""
    return list(_by_name(metadata))


def terms_json(metadata: Metadata) -> str:
    """The JSON of metadata."""
    found = _by_name(metadata)
    if not found:
        return "{}"
    parts = [f'"{NAMES}":{json.dumps(list(found))}']
    parts += [f"{json.dumps(field_key(name))}:[{','.join(map(_term_json, kept))}]" for name, kept in found.items()]
    return f"{{{','.join(parts)}}}"


def numbers_of(metadata: Metadata) -> list[tuple[str, Decimal]]:
    """The numbers of the fields, by name; the same one twice where a list has it twice."""
    return [
        (name, Decimal(exact_number(one.number)))
        for name, kept in _by_name(metadata).items()
        for one in kept
        if one.number is not None
    ]


def wanted_text(name: str, text: str) -> str:
    """The JSON that a row contains whose field has that text."""
    return json.dumps({field_key(name): [{"t": text}]})


def wanted_number(name: str, number: int | float) -> str:
    """The JSON that a row contains whose field has that number."""
    return f'{{{json.dumps(field_key(name))}:[{{"n":{exact_number(number)}}}]}}'


def wanted_name(name: str) -> str:
    """The JSON that a row contains which has that field."""
    return json.dumps({NAMES: [searchable_text(name)]})


def exact_number(number: Any) -> str:
    """A number as the database keeps it, in all digits: whole ones as such, as Python compares them with others."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**64:
        number = int(number)
    return repr(int(number) if isinstance(number, bool) else number)


def _by_name(metadata: Metadata) -> dict[str, list[Term]]:
    found: dict[str, list[Term]] = defaultdict(list)
    for name, value in metadata.items():
        kept = terms(value)
        if kept:
            found[searchable_text(name)] += kept
    return found


def _term_json(term: Term) -> str:
    parts = [] if term.text is None else [f'"t":{json.dumps(term.text)}']
    if term.number is not None:
        parts.append(f'"n":{exact_number(term.number)}')
    return f"{{{','.join(parts)}}}"
