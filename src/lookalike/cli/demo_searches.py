"""What the demo asks: each altered picture for the original that it was made of; and what is told of the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lookalike.demo.pictures import MadePicture, Variant
from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.results import SearchResult

LOOKED_AT = 20
"""So many of the best are asked for; an original further down was not found."""

_WAYS = {
    Variant.CROP: "Part of a picture finds the whole",
    Variant.ROTATION: "A turned picture finds the upright one",
    Variant.SCREENSHOT: "A screenshot finds what its window shows, when --crop leaves out the rest of the screen",
}


class Question(NamedTuple):
    """One search of the demo, and its answer.

    Attributes:
        query: the altered picture; it does not count as an answer itself.
        original: what it was made of.
        variant: what was done to it.
        crop: the part of it that is looked for; None for all of it.
        result: the answer.
        rank: at which the original, or its copy byte for byte, is in it; None where it is not.
    """

    query: Path
    original: Path
    variant: Variant
    crop: str | None
    result: SearchResult
    rank: int | None


def search_altered(collection: Collection, pictures: Sequence[MadePicture]) -> Iterator[Question]:
    """Search with every altered picture."""
    for picture in pictures:
        if picture.variant not in _WAYS or picture.of is None:
            continue
        itself = str(picture.path).replace('"', '""')
        crop = ",".join(f"{share:.3f}" for share in picture.shown_at) if picture.shown_at else None
        result = collection.search(picture.path, k=LOOKED_AT, where=f'path != "{itself}"', crop=crop)
        original = hashlib.sha256(picture.of.read_bytes()).hexdigest()
        rank = next((hit.rank for hit in result.hits if hit.id == original), None)
        yield Question(picture.path, picture.of, picture.variant, crop, result, rank)


def choose_shown(questions: Sequence[Question]) -> list[Question]:
    """One of each kind: of those that found their original first, the middle one; else of all."""
    chosen = []
    for variant in _WAYS:
        some = [question for question in questions if question.variant is variant]
        good = [question for question in some if question.rank == 1] or some
        chosen += good[len(good) // 2 : len(good) // 2 + 1]
    return chosen


def introduce(question: Question) -> str:
    """What a search shows, what was found, and that in the words of what is really there."""
    original = safe(question.original.name)
    found = {None: f"{original} is not among the first {LOOKED_AT}", 1: f"{original} comes first"}
    outcome = found.get(question.rank, f"{original} comes as number {question.rank}")
    what = f"{safe(question.query.name)}, a {question.variant} of {original}"
    return f"{_WAYS[question.variant]}.\nWhat looks like {what}? {outcome}.\n"


def sum_up(questions: Sequence[Question]) -> str:
    """How often the original came first, over all that were asked."""
    parts = []
    for variant in _WAYS:
        some = [question for question in questions if question.variant is variant]
        first = sum(question.rank == 1 for question in some)
        parts.append(f"{first} of {len(some)} {variant}s")
    return f"Of all altered pictures, so many find their original first: {', '.join(parts)}.\n"
