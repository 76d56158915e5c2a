"""What comes in over the wire, as `docs/reference/http.md` says it: checked strictly."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, WithJsonSchema

from lookalike.service.api.filter_schema import FILTER_SCHEMA
from lookalike.service.api.json_depth import check_depth

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal")]
Share = Annotated[float, Field(ge=0, le=1)]
MOST_METADATA_BYTES = 64_000
"""Of one picture, as JSON: a reply may hold those of a thousand."""

LONGEST_FIELD_NAME = 200


def check_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
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
    AfterValidator(check_depth),
    AfterValidator(check_metadata),
]
FilterJson = Annotated[dict[str, Any], AfterValidator(check_depth), WithJsonSchema(FILTER_SCHEMA)]
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
    mixture: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    rerank: Annotated[str, Field(min_length=1, max_length=64)] | None = None
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
