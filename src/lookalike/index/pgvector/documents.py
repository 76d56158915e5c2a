"""What filters ask of a picture, as a document in jsonb beside its vector."""

from __future__ import annotations

import json

from lookalike.core.fields import searchable_text, terms
from lookalike.core.records import ImageRecord, Json

IMAGE = "image"
TERMS = "terms"


def document_of(image: ImageRecord) -> bytes:
    """JSON in UTF-8: `{"image": {field: value}, "terms": {name: [[text, number], ...]}}`, without what is not known.

    Names and texts are as filters compare them, and the terms of a field are those that `lookalike.core.fields` says.
    """
    known: dict[str, Json] = {
        "id": image.id,
        "taken_at": image.taken_at,
        "size_bytes": image.size_bytes,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "camera": image.camera,
    }
    fields: dict[str, Json] = {
        name: searchable_text(value) if isinstance(value, str) else value
        for name, value in known.items()
        if value is not None
    }
    found: dict[str, list[Json]] = {}
    for name, value in image.metadata.items():
        pairs: list[Json] = [[term.text, exact_number(term.number)] for term in terms(value)]
        if pairs:
            found.setdefault(searchable_text(name), []).extend(pairs)
    document = {IMAGE: fields, TERMS: found}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def exact_number(number: float | None) -> int | float | None:
    """The same number, so that its digits say all of it: from 2^53 on, floats are whole."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
