"""What a collection is made of, as the flows are handed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.embedding.base import Embedder
from lookalike.images.limits import ImageLimits
from lookalike.objects.base import Objects
from lookalike.parts.answer_cache import AnswerCache
from lookalike.parts.reply import Reply
from lookalike.parts.shelf import ModelShelf
from lookalike.view.confidence import Confidences
from lookalike.view.view import View


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The engines of one collection, wired by `lookalike.assembly.collection`.

    Attributes:
        catalog: the truth.
        objects: bytes of pictures that were added without a file.
        embedder: of the catalog's model.
        models: the collection's own and further ones, by name.
        view: the index.
        answers: given before.
        limits: what a picture may cost.
        folder: the collection's own; None for one in memory.
        allow_private_addresses: whether a URL as a query may lead to this machine or its own network.
        confidences: how alike its pictures are by chance.
    """

    catalog: Catalog
    objects: Objects
    embedder: Embedder
    models: ModelShelf
    view: View
    answers: AnswerCache[Reply]
    limits: ImageLimits
    folder: Path | None
    allow_private_addresses: bool = False
    confidences: Confidences = field(default_factory=Confidences)
