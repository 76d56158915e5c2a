"""The rerankers that can be asked for."""

from __future__ import annotations

import os
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from lookalike.core.ending import turn_of
from lookalike.core.errors import ModelUnavailable
from lookalike.parts.parts import Parts
from lookalike.parts.stored_bytes import read_if_there
from lookalike.search.reranking import Reranker

if TYPE_CHECKING:
    from lookalike.embedding.base import Embedder


class Rerankers:
    """Makes each when it is first asked for, and keeps it. Safe to use from many threads.

    Args:
        threads: how many read and compare at once.
        may_write: whether vectors that were computed may be kept in the catalog.
    """

    def __init__(self, *, threads: int, may_write: bool) -> None:
        self._threads = threads
        self._may_write = may_write
        self._choosing = Lock()
        self._made: dict[tuple[str, str], Reranker] = {}  # by name, and the id of the model that has it

    def get(self, name: str, parts: Parts) -> Reranker:
        """That of `local`, of a further model of the collection, of one that comes with the install, or of a file.

        Raises:
            ModelUnavailable: when there is nobody of that name, or the model cannot be opened.
            MissingExtra: when OpenCV is not installed, for `local`.
        """
        known = {model.name: model.model_id for model in parts.catalog.further_models()}
        key = name, known.get(name, "")  # a name may be given to another model
        with turn_of(self._choosing):
            if key not in self._made:
                self._made[key] = self._make(name, parts, is_known=name in known)
            return self._made[key]

    def forget(self) -> None:
        """Let go of all that were made."""
        with self._choosing:
            self._made.clear()

    def _make(self, name: str, parts: Parts, *, is_known: bool) -> Reranker:
        pictures = partial(read_if_there, parts=parts)
        if name == "local":
            from lookalike.search.local_features import LocalFeatures  # brings in OpenCV

            return LocalFeatures(pictures=pictures, threads=self._threads, limits=parts.limits)
        from lookalike.search.model_reranker import ModelReranker

        return ModelReranker(
            parts.catalog,
            name if is_known else os.path.splitext(os.path.basename(name))[0],
            parts.models.embedder(name) if is_known else _open(name, parts),
            pictures=pictures,
            limits=parts.limits,
            threads=self._threads,
            may_write=self._may_write,
            projects=parts.view.projects,
            folder=parts.models.folder,
            waiting=parts.view.waiting,
        )


def _open(name: str, parts: Parts) -> Embedder:
    models = parts.models
    try:
        return models.open(name)
    except ModelUnavailable as error:
        if name in models.own_names or os.path.exists(os.path.expanduser(name)):
            raise
        further = [model.name for model in parts.catalog.further_models()]
        known = ", ".join(dict.fromkeys(["local", *further, *models.own_names]))
        raise ModelUnavailable(
            f"expected a reranker: {known}, or the path of an ONNX file; "
            f"got {name[:80]!r}, which is no file that exists"
            "; correct the path, or add the model with `lookalike model add NAME FILE`"
        ) from error
