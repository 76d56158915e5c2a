"""What goes over the wire, as `docs/reference/http.md` says it. Bodies are checked strictly; replies are described."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from lookalike.service.api.json_depth import checked_depth

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal")]
Share = Annotated[float, Field(ge=0, le=1)]
MOST_METADATA_BYTES = 64_000
"""Of one picture, as JSON: a reply may hold those of a thousand."""

LONGEST_FIELD_NAME = 200


def checked_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """A user's fields, as they are.

    Raises:
        ValueError: when there are too many or too long ones, or a number is not finite.
    """
    if any(not 0 < len(name) <= LONGEST_FIELD_NAME for name in metadata):
        raise ValueError(f"expected names of 1 to {LONGEST_FIELD_NAME} characters")
    try:
        size_bytes = len(json.dumps(metadata, allow_nan=False, ensure_ascii=False))
    except ValueError:
        raise ValueError("expected finite numbers") from None
    if size_bytes > MOST_METADATA_BYTES:
        raise ValueError(f"expected at most {MOST_METADATA_BYTES} characters of JSON, got {size_bytes}")
    return metadata


Metadata = Annotated[
    dict[str, Any],
    Field(max_length=200, description="The user's own fields; null deletes one"),
    AfterValidator(checked_depth),
    AfterValidator(checked_metadata),
]
FilterJson = Annotated[dict[str, Any], AfterValidator(checked_depth)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Body(BaseModel):
    """A body that comes in: unknown fields are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SearchBody(Body):
    """What is searched for, and how."""

    vector: (
        Annotated[list[Number], Field(min_length=1, max_length=16_384)]
        | Annotated[str, Field(max_length=90_000)]
        | None
    ) = None
    model: Sha256 | None = None
    id: Sha256 | None = None
    image_url: Annotated[str, Field(min_length=1, max_length=8_192)] | None = None
    more: Annotated[list[Sha256], Field(max_length=32)] = []
    less: Annotated[list[Sha256], Field(max_length=32)] = []
    k: Annotated[int, Field(ge=1, le=1_000)] = 10
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    filter: FilterJson | None = None
    crop: Annotated[list[Share], Field(min_length=4, max_length=4)] | None = None
    min_confidence: Share | None = None
    collapse: Literal["none", "group"] = "none"
    recall: Annotated[float, Field(gt=0, le=1)] | None = None
    weigh: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    opinion: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    exclude_query: bool = False
    explain: bool = False


class DeleteBody(Body):
    """Pictures to remove."""

    ids: Annotated[list[Sha256], Field(min_length=1, max_length=1_000)]
    forever: bool = Field(False, description="Keep no metadata, nor what is kept of earlier removals")


class MetadataBody(Body):
    """Fields to lay over those that a picture has."""

    metadata: Metadata


class MetadataField(RootModel[Metadata]):
    """Metadata as a field of a form."""


class FilterField(RootModel[FilterJson]):
    """A filter as a parameter."""


class UploadBody(Body):
    """What is to be uploaded."""

    size_bytes: Annotated[int, Field(ge=1, le=2**40)]
    content_type: Annotated[str, Field(pattern="^image/[a-z0-9.+-]{1,64}$")]
    sha256: Sha256
    name: Annotated[str, Field(max_length=255)] = ""


class CompleteBody(Body):
    """That the bytes are there, and what the client knows of them."""

    sha256: Sha256
    vector: (
        Annotated[list[Number], Field(min_length=1, max_length=16_384)]
        | Annotated[str, Field(max_length=90_000)]
        | None
    ) = None
    model: Sha256 | None = None
    metadata: Metadata = {}


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
    opinion: float | None
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
    seq: int


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
    finer: str | None


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
