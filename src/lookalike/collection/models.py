"""The models of a collection: its own, and further ones whose vectors lie beside."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from lookalike.catalog.base import MAIN, FurtherModel
from lookalike.collection.open_parts import OpenParts
from lookalike.core.arguments import checks_arguments

if TYPE_CHECKING:
    from lookalike.embedding.base import Embedder
    from lookalike.further.further_models import FurtherReport
    from lookalike.models.card import ModelCard
    from lookalike.models.store import ModelFile


class Models:
    """The models by name; the collection's own is `main`. Safe to use from many threads."""

    def __init__(self, opened: OpenParts) -> None:
        self._open = opened

    def __call__(self) -> list[FurtherModel]:
        """The further models of the collection: `collection.models()`."""
        return self._open.parts.catalog.further_models()

    @checks_arguments()
    def add(
        self,
        name: str,
        source: str | os.PathLike[str],
        *,
        progress: Callable[[FurtherReport], None] | None = None,
    ) -> FurtherReport:
        """Keep vectors of a further model beside the collection's own; see `Collection.search(mixture=...)`.

        Pictures that have one already are passed over, so that a run that was ended goes on, and a later one does what
        has come since.

        Args:
            name: under which the model is to be known, such as `fine`.
            source: `int8`, `fp32`, `fine` or the path of an ONNX file.
            progress: called with the growing report.
        Raises:
            ModelUnavailable: when it cannot be opened.
            WrongModel: when the name belongs to another model.
        """
        from lookalike.further.further_models import embed_further

        self._open.begin_writing()
        parts = self._open.parts
        embedder = parts.models.add(name, os.fsdecode(source))
        return embed_further(
            parts,
            name,
            embedder,
            pictures=self._open.bytes_if_there,
            threads=self._open.threads,
            progress=progress,
        )

    @checks_arguments()
    def drop(self, name: str) -> None:
        """Forget a further model and its vectors.

        Raises:
            BadInput: when the collection has no such model.
        """
        self._open.begin_writing()
        self._open.parts.catalog.drop_further_model(name)

    @property
    def embedder(self) -> Embedder:
        """What computes the vectors of the collection's own model."""
        return self._open.parts.embedder

    @checks_arguments()
    def file(self, name: str = MAIN) -> ModelFile:
        """The file of the collection's own model, or of a further one.

        Raises:
            BadQuery: when the collection has no such model.
            ModelUnavailable: when its file cannot be read.
        """
        return self._open.parts.models.file(name)

    @checks_arguments()
    def card(self, name: str = MAIN) -> ModelCard:
        """What the collection's own model is, or a further one. Raises as `file`."""
        return self._open.parts.models.embedder(name).card
