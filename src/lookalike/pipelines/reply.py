"""What a search answers."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.core.records import Metadata


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


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The index that answered.

    Attributes:
        engine: its name.
        seq: it had applied all changes of the catalog up to this number.
        count: pictures in it.
        dimension: of what it compared.
        projection_learnt_from: number of pictures the projection was learnt from; 0 where raw vectors were compared.
    """

    engine: str
    seq: int
    count: int
    dimension: int
    projection_learnt_from: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one search.

    Attributes:
        hits: best first; exactly k, or all that pass the filter where they are fewer.
        plan: the way that was taken, in words.
        exact: True where no closer picture can have been missed.
        scanned: pictures compared.
        total_matching: pictures that pass the filter.
        timings_ms: by stage: `refresh`, `embed`, `filter`, `search`, `fetch`, `total`; milliseconds.
        model: id of the model whose vectors were compared.
        index: what answered.
    """

    hits: tuple[Hit, ...]
    plan: str
    exact: bool
    scanned: int
    total_matching: int
    timings_ms: dict[str, float]
    model: str
    index: IndexFacts
