"""What every engine checks before it stores, so that all of them hold and refuse the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import MAIN, FurtherModel
from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, WrongModel
from lookalike.core.fields import searchable_text
from lookalike.core.records import ImageRecord, Metadata
from lookalike.core.vectors import HalfVectors

_SHA256 = re.compile("[0-9a-f]{64}")
_MODEL_NAME = re.compile("[A-Za-z][A-Za-z0-9._-]{0,63}")


def storable_image(image: ImageRecord) -> ImageRecord:
    """The record as it is stored: what is no valid text (NUL, lone surrogates) becomes U+FFFD, except in metadata.

    Raises:
        BadInput: when the id is not a SHA-256.
    """
    if not _SHA256.fullmatch(image.id):
        raise BadInput(f"expected an id of 64 lower-case hexadecimal digits, got {image.id[:80]!r}")
    texts = (image.format, image.taken_at, image.camera)
    stored = tuple(None if text is None else searchable_text(text) for text in texts)
    if stored == texts:  # as almost always: a copy of each record is a tenth of what storing it takes
        return image
    return replace(image, format=stored[0] or "", taken_at=stored[1], camera=stored[2])


def laid_over(metadata: Metadata, fields: Metadata) -> Metadata:
    """New metadata: `fields` over `metadata`; a field that is None is deleted.

    Raises:
        BadInput: when the result is not JSON.
    """
    merged: Metadata = {name: value for name, value in {**metadata, **fields}.items() if value is not None}
    decoded = json.loads(metadata_json(merged))
    return dict(decoded)


def metadata_json(metadata: Metadata) -> str:
    """Metadata as ASCII JSON, which keeps every text exactly.

    Raises:
        BadInput: when it is not JSON (NaN, a key that is not text, another type, nested too deeply).
    """
    try:
        text = json.dumps(metadata, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"metadata must be JSON (text, finite numbers, true, false, null, lists, objects): {error}"
        ) from None
    if any(not isinstance(name, str) for name in metadata):
        raise BadInput("metadata must be JSON: the names of fields are text")
    return text


def storable_vectors(vectors: HalfVectors, *, count: int, dimension: int) -> HalfVectors:
    """Vectors as they are stored.

    Args:
        vectors: shape (N, D), float16 or what can be brought to it.
        count: the N that is expected.
        dimension: the D that is expected.
    Returns:
        shape (N, D), float16, little-endian, C-contiguous; a view where `vectors` already was that, else a new array.

    Raises:
        WrongModel: when `dimension` is 0, that is, no model is bound.
        DimensionMismatch: when the shape is not (`count`, `dimension`).
        BadVectors: when a value is not finite.
    """
    if dimension == 0:
        raise WrongModel("the catalog is bound to no model yet: call `claim_model` before adding pictures")
    if np.shape(vectors) != (count, dimension):
        raise DimensionMismatch(f"expected vectors of shape ({count}, {dimension}), got {np.shape(vectors)}")
    halves = np.ascontiguousarray(vectors, dtype="<f2")
    if not np.isfinite(halves).all():
        raise BadVectors("expected finite vectors, but there is NaN, an infinity or a value too large for float16")
    return halves


def last_of_each(images: Sequence[ImageRecord]) -> dict[str, tuple[int, ImageRecord]]:
    """By id: the position and the record that count, the last ones, with the metadata of all laid together."""
    last: dict[str, tuple[int, ImageRecord]] = {}
    for position, image in enumerate(images):
        image = storable_image(image)
        if image.id in last:
            image = replace(image, metadata={**last[image.id][1].metadata, **image.metadata})
        last[image.id] = position, image
    return last


def path_bytes(path: str) -> bytes:
    """The bytes of a path, as the file system has them.

    Raises:
        BadInput: when the path holds surrogates that `os.fsdecode` does not make.
    """
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        raise BadInput(f"expected a path as os.fsdecode gives it, got {path!r}") from None


def check_further_model(
    name: str, model_id: str, dimension: int, *, own_model_id: str, there: Sequence[FurtherModel]
) -> bool:
    """Whether a further model is new; what may not be added is refused.

    Args:
        name: under which it is to be added.
        model_id: its id.
        dimension: of its vectors.
        own_model_id: the catalog's own model.
        there: the further models that it has.
    Raises:
        BadInput, WrongModel: as `Catalog.add_further_model`.
    """
    if not _MODEL_NAME.fullmatch(name) or name == MAIN:
        raise BadInput(
            "expected a name for a model of at most 64 letters, digits, '.', '-' and '_' that begins with a letter "
            f"and is not {MAIN!r} (the collection's own), got {name[:80]!r}"
        )
    if not model_id or dimension < 1:
        raise BadInput(f"expected the id of a model and its dimension, got {model_id!r} and {dimension}")
    if model_id == own_model_id:
        raise BadInput(f"{name}: that is the collection's own model: call it {MAIN!r}")
    for one in there:
        if one.name == name and (one.model_id, one.dimension) != (model_id, dimension):
            raise WrongModel(
                f"{name!r} is model {one.model_id[:12]} ({one.dimension} wide) in this collection, not "
                f"{model_id[:12]} ({dimension} wide): drop it first, or choose another name"
            )
        if one.name != name and one.model_id == model_id:
            raise BadInput(f"{name}: that model is in the collection already, under the name {one.name!r}")
    return all(one.name != name for one in there)


def no_such_model(name: str, there: Sequence[FurtherModel]) -> BadInput:
    """What is said of a name that belongs to no further model."""
    known = ", ".join(one.name for one in there) or "none"
    return BadInput(f"expected the name of a further model of the collection ({known}), got {name[:80]!r}")
