"""What a search answers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from operator import attrgetter

from lookalike.core.records import Json, Metadata
from lookalike.view.facts import IndexFacts


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture found.

    Attributes:
        id: SHA-256 of its bytes.
        rank: from 1.
        similarity: cosine, at most 1; higher is closer.
        path: of a file that holds it (one that passes the filter, if there is one); None for a picture without a file.
        copies: how many other files hold the same bytes.
        metadata: the user's fields.
        width, height: in pixels.
        format: of the file.
        size_bytes: of the file.
        taken_at: `YYYY-MM-DDTHH:MM:SS` or None.
        camera: maker and model, or None.
        group: ids of the near-identical pictures that this hit stands for, where groups were asked for.
        rerank_similarity: similarity by reranking, on its own scale; None where there was none.
        reason: what the reranker says; `""` where there was none.
        provisional: True while the picture's vector is what a client said, not compared with ours yet.
        confidence: share of random pairs of the collection's pictures that are less alike, 0 to below 1; None in a
            collection of few, and for a mixture of models.
    """

    id: str
    rank: int
    similarity: float
    path: str | None
    copies: int
    metadata: Metadata
    width: int
    height: int
    format: str
    size_bytes: int
    taken_at: str | None
    camera: str | None
    group: tuple[str, ...] = ()
    rerank_similarity: float | None = None
    reason: str = ""
    provisional: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one search.

    Attributes:
        hits: best first; exactly k, or all that pass the filter where they are fewer; with groups, k groups.
        plan: the way that was taken, in words.
        exact: True where no closer picture can have been missed. Reranking changes the order of what was found.
        scanned: pictures compared.
        total_matching: pictures that pass the filter.
        timings_ms: by stage: `refresh`, `embed`, `cache`, `filter`, `search`, `rerank`, `fetch`, `total`; ms.
        model: id of the model whose vectors were compared; of several, the mixture.
        index: what answered.
        cached: True where the same question had just been answered; timings are then those of looking it up.
        sure: whether the first hits stand clear of the rest, so that a finer look would hardly change them; None where
            that is not known, see `lookalike.search.sureness`.
        nothing_like_it: whether the query is farther from all that passes the filter than nearly all pictures of the
            collection are from their nearest; None where that is not known, see `lookalike.view.nearness`.
        without_date: pictures that the filter leaves out for no other reason than that they have no date; None where
            it asks for none.
    """

    hits: tuple[Hit, ...]
    plan: str
    exact: bool
    scanned: int
    total_matching: int
    timings_ms: dict[str, float]
    model: str
    index: IndexFacts
    cached: bool = False
    sure: bool | None = None
    nothing_like_it: bool | None = None
    without_date: int | None = None


_values = attrgetter(*(field.name for field in fields(Hit)))
_METADATA = [field.name for field in fields(Hit)].index("metadata")


def with_own_metadata(reply: Reply) -> Reply:
    """The same reply, whose metadata may be changed without a change to this one. Takes 3 microseconds a hit."""
    if not any(hit.metadata for hit in reply.hits):
        return reply
    return replace(reply, hits=tuple(map(_with_own_metadata, reply.hits)))


def _with_own_metadata(hit: Hit) -> Hit:
    values = list(_values(hit))
    values[_METADATA] = _copy(hit.metadata)
    return Hit(*values)


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _copy(one) for name, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value
