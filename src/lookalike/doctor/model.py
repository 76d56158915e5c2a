"""The model: is its file whole, is it the catalog's, and does it compute what it should."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import LookalikeError, ModelUnavailable
from lookalike.core.vectors import Pixels, Vectors
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.patient import Patient
from lookalike.models.kept import kept_models
from lookalike.models.store import load_model

_SIDE = 224
_GROUPS = 16
_TOLERANCE = 0.02  # turning the picture or swapping its colours moves one of the sums by 0.07 or more

_GOLDEN = {
    ("efficientnet-lite0", "int8"): "345 712 232 643 344 1155 349 514 214 406 294 808 312 228 649 376",
    ("efficientnet-lite0", "fp32"): "320 675 266 593 327 1141 316 503 171 397 232 841 261 192 610 424",
    ("efficientnet-lite0-fine", "fp32"): "603 809 443 732 533 1375 546 793 376 501 530 894 478 330 876 671",
}
"""By name and precision: the vector of `known_picture`, summed in 16 groups of neighbouring places, in thousandths."""

_BROKEN_INSTALL = "pip install --force-reinstall onnxruntime numpy pillow, then run this again"


def model(patient: Patient) -> Iterator[Finding]:
    """Everything about the model."""
    yield from _file(patient)
    try:
        embedder = patient.open_embedder()
        card = embedder.card
        vectors = embedder.embed([make_known_picture()])
    except LookalikeError as error:
        yield problem("model", str(error), "mend what the message says; pictures cannot be embedded until then")
        return
    yield fine("model", f"{card.name} {card.version} {card.precision}, {card.dimension} wide, {card.id[:12]}")
    yield _judge(vectors, _GOLDEN.get((card.name, card.precision)))
    yield from _fits(patient, card.id)
    yield from _check_kept(patient)


def make_known_picture() -> Pixels:
    """A picture that is the same everywhere: two slopes and a chequerboard, shape (224, 224, 3), uint8 RGB."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    planes = (x * 255 // (_SIDE - 1), y * 255 // (_SIDE - 1), (x // 16 + y // 16) % 2 * 255)
    return np.stack(planes, axis=2).astype(np.uint8)


def _file(patient: Patient) -> Iterator[Finding]:
    place = patient.model
    if place is None:
        return
    if not place.path.exists():
        what = f"{place.path}: not there"
        if place.expected_id is not None:
            yield fine("model", f"{what} yet; it is made when it is first needed, which takes a second")
        else:
            yield problem("model", what, "put the model's file back, or name another with --model")
        return
    try:
        found = load_model(place.path).id
    except ModelUnavailable as error:
        yield problem("model", str(error), "mend the permissions of the file")
        return
    if place.expected_id not in (None, found):
        what = f"{place.path}: damaged (SHA-256 {found[:12]}, expected {str(place.expected_id)[:12]})"
        yield warning("model", what, "nothing is lost: it is made anew when it is next needed, or by --repair")
    else:
        yield fine("model", f"{place.path}: whole")


def _judge(vectors: Vectors, golden: str | None) -> Finding:
    length = float(np.linalg.norm(vectors[0])) if len(vectors) else 0.0
    if not abs(length - 1) < 1e-3:  # also where it is not a number
        return problem("model", f"gives a vector of length {length:.3f} instead of 1", _BROKEN_INSTALL)
    if golden is None:
        return fine("model", "gives a vector of length 1 (there is nothing known to compare this model with)")
    sums: NDArray[np.float32] = vectors[0].reshape(_GROUPS, -1).sum(axis=1)
    off = float(np.abs(sums - np.array(golden.split(), np.float32) / 1_000).max())
    if off > _TOLERANCE:
        return problem("model", f"computes another vector than it should (off by {off:.3f})", _BROKEN_INSTALL)
    return fine("model", "computes the vector that is known for a test picture")


def _fits(patient: Patient, model_id: str) -> Iterator[Finding]:
    try:
        bound = patient.open_catalog().model_id
    except LookalikeError:  # said where the catalog is examined
        return
    if bound and bound != model_id:
        what = f"the collection holds vectors of model {bound[:12]}, the model in use is {model_id[:12]}"
        yield problem("model", what, "name the collection's own model with --model")


def _check_kept(patient: Patient) -> Iterator[Finding]:
    """The files that are kept with the collection, so that it opens without those that it was made with."""
    kept = kept_models(patient.models) if patient.models is not None else []
    damaged = [one for one in kept if not one.is_whole()]
    for one in damaged:
        what = f"{one.path}: damaged, its bytes are not those that its name tells of"
        yield problem("model", what, "open the collection once with --model FILE, or add the further model again")
    if kept and not damaged:
        size_bytes = sum(one.size_bytes for one in kept)
        yield fine("model", f"{len(kept)} model files of {size_bytes:,} bytes kept with the collection, all whole")
