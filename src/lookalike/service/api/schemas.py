"""What goes out over the wire, as `docs/reference/http.md` says it: described, for the document of the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from lookalike.service.api.request_bodies import Sha256


class Remark(BaseModel):
    """One thing that is said, for programs: what, and its numbers and names."""

    code: str
    values: dict[str, Any]


class Fault(Remark):
    """One place of a body or a parameter that does not fit."""

    where: str
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    values: dict[str, Any]
    request_id: str
    errors: list[Fault] | None = None


class Hit(BaseModel):
    """One picture found."""

    id: Sha256
    rank: int
    similarity: float
    confidence: float | None
    name: str
    path: str | None
    url: str
    thumbnail_url: str
    width: int
    height: int
    format: str
    size_bytes: int
    taken_at: str | None
    camera: str | None
    metadata: dict[str, Any]
    copies: int
    group: list[str]
    rerank_similarity: float | None
    reason: str
    reasons: list[Remark]
    provisional: bool
    model: str


class IndexFacts(BaseModel):
    """What answered."""

    engine: str
    count: int
    dimension: int
    recall: float
    cursor: str


class SearchReply(BaseModel):
    """The hits, and how they were found."""

    hits: list[Hit]
    plan: str
    plan_steps: list[Remark]
    exact: bool
    scanned: int
    total_matching: int
    timings_ms: dict[str, float]
    model: str
    cached: bool
    sure: bool | None
    nothing_like_it: bool | None
    without_date: int | None
    index: IndexFacts
    has_more: bool
    query_id: str | None
    explanation: str | None = None


class Picture(BaseModel):
    """One picture of a collection."""

    id: Sha256
    name: str
    url: str
    thumbnail_url: str
    width: int
    height: int
    format: str
    size_bytes: int
    taken_at: str | None
    camera: str | None
    metadata: dict[str, Any]
    copies: int
    provisional: bool
    path: str | None


class Page(BaseModel):
    """A part of a list."""

    has_more: bool
    next_cursor: str | None


class PicturePage(Page):
    """Pictures."""

    data: list[Picture]


class ItemResult(BaseModel):
    """What became of one of several."""

    name: str
    status: Literal["added", "unchanged", "removed", "queued", "refused", "not_found"]
    id: str | None = None
    job_id: str | None = None
    code: str | None = None
    values: dict[str, Any] | None = None
    detail: str | None = None


class ItemResults(BaseModel):
    """What became of several, each by itself."""

    data: list[ItemResult]


class EmbeddingResult(BaseModel):
    """The vector of one picture, or why there is none."""

    name: str
    vector: list[float] | None = None
    width: int | None = None
    height: int | None = None
    code: str | None = None
    values: dict[str, Any] | None = None
    detail: str | None = None


class EmbeddingResults(BaseModel):
    """The vectors of several pictures."""

    model: Sha256
    dimension: int
    data: list[EmbeddingResult]


class CollectionFacts(BaseModel):
    """Figures about a collection."""

    name: str
    images: int
    model: str
    dimension: int
    index: IndexFacts | None
    further_models: list[str]
    fields: list[str]
    reranker: str | None


class UnreadableCollection(BaseModel):
    """A collection that is there and cannot be read."""

    name: str
    code: str
    values: dict[str, Any]
    detail: str


class CollectionList(BaseModel):
    """Collections that one may see."""

    data: list[CollectionFacts]
    unreadable: list[UnreadableCollection]
    has_more: bool
    next_cursor: str | None


class Session(BaseModel):
    """Who asks, and what they may."""

    name: str
    kind: str
    scopes: list[str]
    collections: list[str]
    version: str
    upload_flow: Literal["direct", "classic"]
    limits: dict[str, int]


class Ticket(BaseModel):
    """For one WebSocket."""

    ticket: str
    protocol: str
    expires_at: str


class Liveness(BaseModel):
    """That the process answers."""

    status: str


class Readiness(BaseModel):
    """Whether it can work, and which part cannot."""

    status: str
    parts: dict[str, str]


class Model(BaseModel):
    """A model's card."""

    id: Sha256
    name: str
    version: str
    precision: str
    dimension: int
    input_side: int
    licence: str
    source: str
    made: str
    size_bytes: int
    url: str
    collections: list[str]
    role: Literal["main", "further"]


class ModelList(BaseModel):
    """Models of the collections that one may see."""

    data: list[Model]
    has_more: bool
    next_cursor: str | None


class Put(BaseModel):
    """Where to put the bytes."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: str


class Upload(BaseModel):
    """How an upload stands."""

    id: str
    collection: str
    state: str
    name: str
    size_bytes: int
    content_type: str
    sha256: str
    created_at: str
    expires_at: str
    image_id: str | None
    job_id: str | None
    distance: float | None
    code: str | None
    detail: str | None
    put: Put | None = None


class Completed(BaseModel):
    """What became of an upload."""

    id: str
    state: str
    image_id: str | None
    job_id: str | None


class Job(BaseModel):
    """Something to be done."""

    id: str
    kind: str
    collection: str
    state: str
    attempts: int
    postponed: int
    created_at: str
    updated_at: str
    result: Any = None
    code: str | None
    detail: str | None


class JobPage(Page):
    """Jobs, the newest first."""

    data: list[Job]
