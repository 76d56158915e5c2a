"""What a search starts from: pictures, ids and sums of them.

A query is one term or several joined by ` + ` and ` - ` (with spaces), each with a weight in front if wanted:
`2*beach.jpg + sunset.jpg - people.jpg`. A term is a file, the `file://` URL of
one, an http(s) URL, `-` (standard input), or the id of an indexed picture or the beginning of one. The name of a file
that exists is always that file, whatever signs it has.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadQuery
from lookalike.core.records import LEAST_OF_AN_ID

MOST_TERMS = 64

_WEIGHT = re.compile(r"(?P<weight>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*\*\s*(?P<term>\S.*)", re.DOTALL)
_ID = re.compile(f"[0-9a-f]{{{LEAST_OF_AN_ID},64}}")


class SourceKind(Enum):
    """Where the picture of a term comes from."""

    FILE = "file"
    STANDARD_INPUT = "standard input"
    URL = "url"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Term:
    """One picture of a query.

    Attributes:
        kind: where it comes from.
        text: the path, URL or (beginning of an) id.
        weight: how much it counts; negative for "less like this".
    """

    kind: SourceKind
    text: str
    weight: float = 1.0


def parse_query(text: str) -> list[Term]:
    """Read a query.

    Raises:
        BadQuery: when a term is none of the things that a query can be made of.
        FetchRefused: when the URL of a file is not one of this machine.
    """
    if not text.strip():
        raise BadQuery(
            "expected a picture to search for, got nothing; name a file, a URL, an id, or - for standard input"
        )
    if _is_there(text):
        return [_term(text, weight=1.0)]
    terms: list[Term] = []
    for sign, part in _parts(text):
        if len(terms) == MOST_TERMS:
            raise BadQuery(f"expected at most {MOST_TERMS} pictures joined by + and -, got more; leave out some")
        terms.append(_read_weight(part, sign))
    return terms


def combine(vectors: NDArray[np.float32], weights: list[float]) -> NDArray[np.float32]:
    """The weighted sum of unit vectors.

    Args:
        vectors: shape (N, D), float32, rows of length 1.
        weights: N of them.
    Returns:
        shape (1, D), float32, of length 1.
    Raises:
        BadQuery: when the terms cancel each other out.
    """
    largest = max(map(abs, weights))
    shares = np.asarray(weights, np.float64) / (largest or 1.0)
    total = shares @ vectors.astype(np.float64)
    length = np.linalg.norm(total)
    if length <= 1e-6 * np.abs(shares).sum():
        raise BadQuery(
            "the terms of the query cancel each other out: nothing is left to search for"
            "; leave one of them out, or weigh them otherwise",
            code="query_cancels_out",
        )
    return (total / length).astype(np.float32)[None, :]


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Sign and text of each term: words between single + and -, except where words with such signs name a file."""
    words = list(re.finditer(r"\S+", text))
    sign, start = "+", 0
    while True:
        end = _end_of_term(text, words, start)
        if end == start:
            raise BadQuery(
                f"expected a picture after {sign!r}, but there is none in {text[:200]!r}; remove the sign, or "
                "put a name that holds it in quotes"
            )
        yield sign, text[words[start].start() : words[end - 1].end()]
        if end == len(words):
            return
        sign, start = words[end].group(), end + 1


def _end_of_term(text: str, words: list[re.Match[str]], start: int) -> int:
    """The position of the sign after a term, or of the end. A sign where a term must begin is itself the term."""
    signs = [n for n in range(start + 1, len(words)) if words[n].group() in ("+", "-")]
    ends = [*signs[:MOST_TERMS], *([len(words)] if len(signs) <= MOST_TERMS and start < len(words) else [])]
    if not ends:
        return start
    for end in reversed(ends[1:]):
        if _is_there(_split_weight(text[words[start].start() : words[end - 1].end()])[1]):
            return end
    return ends[0]


def _read_weight(part: str, sign: str) -> Term:
    weight, text = _split_weight(part)
    if not math.isfinite(weight):
        raise BadQuery(f"expected a weight that is a finite number, got {part[:40]!r}; write it like 0.5*cat.jpg")
    return _term(text, weight=-weight if sign == "-" else weight)


def _split_weight(part: str) -> tuple[float, str]:
    if not _is_there(part) and (match := _WEIGHT.fullmatch(part)):
        return float(match["weight"]), match["term"]
    return 1.0, part


def is_id(text: str) -> bool:
    """Whether it can be an id, or the beginning of one."""
    return _ID.fullmatch(text) is not None


def _is_there(text: str) -> bool:
    return os.path.exists(os.path.expanduser(text))


def _term(text: str, *, weight: float) -> Term:
    if text == "-":
        return Term(SourceKind.STANDARD_INPUT, text, weight)
    if _is_there(text):
        return Term(SourceKind.FILE, os.path.expanduser(text), weight)
    if re.match(r"https?://", text, re.IGNORECASE):
        return Term(SourceKind.URL, text, weight)
    if text[:5].lower() == "file:":
        from lookalike.images.file_urls import path_of  # seldom needed

        return Term(SourceKind.FILE, path_of(text), weight)
    if _ID.fullmatch(text):
        return Term(SourceKind.ID, text, weight)
    raise BadQuery(
        f"{text[:200]!r} is no file that exists, no http(s) URL, and no id of an indexed picture "
        f"({LEAST_OF_AN_ID} to 64 of 0-9a-f)"
        "; correct the path, or index the picture first"
    )
