"""All ways to compute a picture's vector beside the server's own, and whether they are near enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lookalike.assembly.models import open_embedder
from lookalike.core.vectors import Vectors
from lookalike.embedding.base import Embedder
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.evaluation.parity import Parity, parity
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.models.store import default_model
from lookalike.service.parity.golden import Golden, by_form
from lookalike.service.parity.run import BrowserVectors, embed_in_browser

MOST_P99_DISTANCE = 0.005
LEAST_TOP_10 = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One way beside the server's.

    Attributes:
        way: `python fp32`, or a backend of the browser.
        why: what the browser says of it; '' for Python.
        parity: None where the browser has no such backend.
        worst: name and form of the picture that is furthest apart.
        forms: form -> its largest cosine distance.
        unread: name of a picture that the browser could not read -> why.
        load_ms: until it was ready, `first` and from the `cache`; ms.
        timings_ms: stage -> median and 95th percentile of a picture, ms.
        good: whether it is within the limits; what has no limits is good.
    """

    way: str
    why: str = ""
    parity: Parity | None = None
    worst: str = ""
    forms: Mapping[str, float] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    load_ms: Mapping[str, float] = field(default_factory=dict)
    timings_ms: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    good: bool = True


def compare(pictures: Sequence[Golden], *, cache: Path, page: Path, browser: Path | None) -> list[Column]:
    """Embed the pictures in every way, and compare each to what the server computes with its 8-bit model.

    Args:
        pictures: golden ones.
        cache: folder in which models are kept.
        page: folder of the built page.
        browser: to run it in; None to leave the browser out.
    Returns:
        a column for each way but the server's own.
    Raises:
        ServiceDown: as `embed_in_browser`.
        ModelUnavailable: as `default_model`.
    """
    int8, fp32 = default_model("int8", cache_dir=cache), default_model("fp32", cache_dir=cache)
    server = open_embedder(int8)
    reference = _embed(server, pictures)
    columns = [_column("python fp32", pictures, reference, _embed(open_embedder(fp32), pictures))]
    if browser is not None:
        found = embed_in_browser(pictures, card=server.card, model=int8, page=page, browser=browser)
        columns.extend(_of_browser(vectors, pictures, reference) for vectors in found)
    return columns


def _embed(embedder: Embedder, pictures: Sequence[Golden]) -> Vectors:
    seeing = PictureEmbedder(embedder, limits=DEFAULT_LIMITS)
    return seeing.embed([seeing.decode(picture.content).pixels for picture in pictures])


def _of_browser(found: BrowserVectors, pictures: Sequence[Golden], reference: Vectors) -> Column:
    if found.vectors is None:
        return Column(way=found.backend, why=found.why)
    read = [place for place in range(len(pictures)) if place not in found.errors]
    column = _column(found.backend, [pictures[i] for i in read], reference[read], found.vectors[read])
    compared = column.parity
    return Column(
        way=found.backend,
        why=found.why,
        parity=compared,
        worst=column.worst,
        forms=column.forms,
        unread={f"{pictures[i].name} ({pictures[i].form})": error for i, error in found.errors.items()},
        load_ms={"first": found.first_load_ms, "cache": found.load_ms},
        timings_ms={stage: _spread(values[read]) for stage, values in found.timings_ms.items()},
        good=compared is not None
        and compared.p99_distance <= MOST_P99_DISTANCE
        and compared.top_10 >= LEAST_TOP_10
        and not found.errors,
    )


def _column(way: str, pictures: Sequence[Golden], reference: Vectors, vectors: Vectors) -> Column:
    distances = 1 - np.einsum("nd,nd->n", reference, vectors)
    worst = pictures[int(distances.argmax())]
    return Column(
        way=way,
        parity=parity(reference, vectors),
        worst=f"{worst.name} ({worst.form})",
        forms={form: float(distances[places].max()) for form, places in by_form(pictures)},
    )


def _spread(values: np.ndarray) -> tuple[float, float]:
    return float(np.median(values)), float(np.percentile(values, 95))
