"""What every engine checks before it stores, so that all of them hold and refuse the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import MAIN, FurtherModel
from lookalike.core.errors import BadInput, BadVectors, Conflict, DimensionMismatch, WrongModel
from lookalike.core.fields import searchable_text
from lookalike.core.records import ImageRecord, Metadata
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors

_SHA256 = re.compile("[0-9a-f]{64}")
_MODEL_NAME = re.compile("[A-Za-z][A-Za-z0-9._-]{0,63}")


def storable_image(image: ImageRecord) -> ImageRecord:
    """The record as it is stored: what is no valid text (NUL, lone surrogates) becomes U+FFFD, except in metadata.

    Raises:
        BadInput: when the id is not a SHA-256.
    """
    if not _SHA256.fullmatch(image.id):
        raise BadInput(
            f"expected an id of 64 lower-case hexadecimal digits, got {image.id[:80]!r}; run `sha256sum` on its file"
        )
    texts = (image.format, image.taken_at, image.camera)
    stored = tuple(None if text is None else searchable_text(text) for text in texts)
    if stored == texts:  # as almost always: a copy of each record is a tenth of what storing it takes
        return image
    return replace(image, format=stored[0] or "", taken_at=stored[1], camera=stored[2])


def lay_over(metadata: Metadata, fields: Metadata) -> Metadata:
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
            "; convert what is none to a text"
        ) from None
    if any(not isinstance(name, str) for name in metadata):
        raise BadInput("metadata must be JSON: the names of fields are text, but one is not; convert it with str()")
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
        raise WrongModel(
            "the catalog has to be bound to a model before pictures come, but it is bound to none yet; "
            "`claim_model` binds it"
        )
    if np.shape(vectors) != (count, dimension):
        raise DimensionMismatch(
            f"expected vectors of shape ({count}, {dimension}), got {np.shape(vectors)}"
            "; embed the pictures with the model of the catalog"
        )
    halves = np.ascontiguousarray(vectors, dtype="<f2")
    if not np.isfinite(halves).all():
        raise BadVectors(
            "expected finite vectors, but there is NaN, an infinity or a value too large for float16"
            "; leave it out, or scale the vectors"
        )
    return halves


def storable_projection(new: StoredProjection, *, dimension: int) -> StoredProjection:
    """A projection as it is stored: arrays of its own, little-endian and C-contiguous.

    Raises:
        WrongModel: when `dimension` is 0, that is, no model is bound.
        DimensionMismatch: when it is not of vectors `dimension` wide.
        BadVectors: when a value is not finite.
    """
    if dimension == 0:
        raise WrongModel(
            "expected a catalog that is bound to a model, got one without: bind it with `claim_model` first"
        )
    mean, components = (np.array(array, dtype="<f4", order="C") for array in (new.mean, new.components))
    if mean.shape != (dimension,) or components.ndim != 2 or len(components) != dimension:
        raise DimensionMismatch(
            f"expected a projection of shapes ({dimension},) and ({dimension}, d), got {mean.shape} and "
            f"{components.shape}: use one that was learnt from the model's own vectors"
        )
    if not np.isfinite(mean).all() or not np.isfinite(components).all():
        raise BadVectors(
            "expected a projection of finite numbers, got NaN or an infinity: use one learnt from finite vectors"
        )
    return replace(new, mean=mean, components=components)


def projection_conflict(after: int, newest: int) -> Conflict:
    """What is raised where another one has put a version meanwhile."""
    return Conflict(
        f"expected version {after} of the projection to be the newest, found {newest}: use that one instead",
        values={"expected": after, "newest": newest},
    )


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
        raise BadInput(f"expected a path as os.fsdecode gives it, got {path!r}; decode it with os.fsdecode") from None


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
            "; shorten it, and replace other signs by -"
        )
    if not model_id or dimension < 1:
        raise BadInput(
            f"expected the id of a model and its dimension, got {model_id!r} and {dimension}"
            "; take both from the model's card"
        )
    if model_id == own_model_id:
        raise BadInput(
            f"expected another model than the collection's own, got that one as {name!r}: leave it out, for it is "
            "there "
            f"as {MAIN!r}"
        )
    for one in there:
        if one.name == name and (one.model_id, one.dimension) != (model_id, dimension):
            raise WrongModel(
                f"expected model {one.model_id[:12]} ({one.dimension} wide), which is {name!r} in this collection, got "
                f"{model_id[:12]} ({dimension} wide): drop {name!r} first, or choose another name"
            )
        if one.name != name and one.model_id == model_id:
            raise BadInput(
                f"expected a model that is not in the collection yet, got {name!r}, which is there as "
                f"{one.name!r}: use "
                f"it by that name, or drop {one.name!r} first"
            )
    return all(one.name != name for one in there)


def no_such_model(name: str, there: Sequence[FurtherModel]) -> BadInput:
    """What is said of a name that belongs to no further model."""
    known = ", ".join(one.name for one in there) or "none"
    return BadInput(
        f"expected the name of a further model of the collection ({known}), got {name[:80]!r}"
        "; add it first with `lookalike model add NAME FILE`"
    )
