"""The models of a collection, opened by the names under which it knows them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from lookalike.catalog.base import MAIN, Catalog, FurtherModel
from lookalike.core.ending import turn_of
from lookalike.core.errors import BadQuery, ModelUnavailable, WrongModel
from lookalike.embedding.base import Embedder
from lookalike.models.kept import keep_model, model_path
from lookalike.models.store import ModelFile, load_model

OpenModel = Callable[[str], Embedder]
"""Opens `int8`, `fp32`, `fine` or the path of an ONNX file."""

ReadModel = Callable[[str], ModelFile]
"""Reads the file of one of these."""


class ModelShelf:
    """Opens models when they are first needed, and keeps them. Safe to use from many threads.

    Files of further models are copied into the collection's folder, under their SHA-256, so that they are there when
    the collection is opened again.

    Args:
        catalog: knows the names of further models.
        main: of the collection's own model.
        folder: where files are kept; None in memory.
        open_model: opens one.
        own_models: the ids of models that come with the install, by name; these need no file.
        read_model: reads a model's file; None where models have none.
        main_source: what `read_model` calls the collection's own.
    """

    def __init__(
        self,
        catalog: Catalog,
        main: Embedder,
        *,
        folder: Path | None,
        open_model: OpenModel,
        own_models: dict[str, str],
        read_model: ReadModel | None = None,
        main_source: str = "",
    ) -> None:
        self._catalog = catalog
        self._main = main
        self._folder = folder
        self._open_model = open_model
        self._read_model = read_model
        self._main_source = main_source
        self._own = {model_id: name for name, model_id in own_models.items()}
        self._opening = threading.Lock()
        self._opened: dict[str, Embedder] = {}  # by model id

    @property
    def folder(self) -> Path | None:
        """Where files are kept; None in memory."""
        return self._folder

    @property
    def own_names(self) -> list[str]:
        """Of the models that come with the install."""
        return list(self._own.values())

    def embedder(self, name: str) -> Embedder:
        """The embedder of a model of the collection.

        Args:
            name: `main`, or that of a further model.
        Raises:
            BadQuery: when the collection has no such model.
            ModelUnavailable: when its file cannot be read.
        """
        if name == MAIN:
            return self._main
        models = {model.name: model for model in self._catalog.further_models()}
        if name not in models:
            raise BadQuery(
                f"expected a model of the collection ({', '.join([MAIN, *models])}), got {name[:80]!r}"
                "; add it first with `lookalike model add NAME FILE`"
            )
        with turn_of(self._opening):
            model_id = models[name].model_id
            if model_id not in self._opened:
                self._opened[model_id] = self._reopen(models[name])
            return self._opened[model_id]

    def file(self, name: str) -> ModelFile:
        """The file of a model of the collection, so that others can run the same.

        Args:
            name: `main`, or that of a further model.
        Raises:
            BadQuery: when the collection has no such model.
            ModelUnavailable: when its file cannot be read.
        """
        model_id = self.embedder(name).card.id
        if self._read_model is None:
            raise ModelUnavailable(
                f"expected a model that lies in a file, but {name!r} has none; open the collection with the path of one"
            )
        path = model_path(self._folder, model_id) if self._folder is not None else None
        model = self._read_model(self._main_source if name == MAIN else self._own.get(model_id) or str(path))
        if model.id != model_id:
            raise ModelUnavailable(
                f"expected the file of the model {name!r} as it was opened, but it was changed since; open "
                "the collection again"
            )
        return model

    def add(self, name: str, source: str) -> Embedder:
        """Make a further model known to the collection. Idempotent.

        Args:
            name: under which it is to be known.
            source: `int8`, `fp32`, `fine` or the path of an ONNX file.
        Raises:
            BadInput, WrongModel: as `Catalog.add_further_model`.
            ModelUnavailable: when it cannot be opened.
            StorageFailed: when its file cannot be kept.
        """
        embedder = self._open_model(source)
        self._catalog.add_further_model(name, embedder.card.id, embedder.card.dimension)
        with turn_of(self._opening):
            self._opened[embedder.card.id] = embedder
            if self._folder is not None and embedder.card.id not in self._own:
                keep_model(self._read(source, embedder.card.id), self._folder, model_id=embedder.card.id)
        return embedder

    def open(self, source: str) -> Embedder:
        """Open a model that the collection need not know; should it get to know it, it is at hand."""
        embedder = self._open_model(source)
        with turn_of(self._opening):
            return self._opened.setdefault(embedder.card.id, embedder)

    def close(self) -> None:
        """Close the collection's own model, and those that were opened. Idempotent."""
        with turn_of(self._opening):
            for embedder in [self._main, *self._opened.values()]:
                embedder.close()
            self._opened.clear()

    def _read(self, source: str, model_id: str) -> bytes:
        model = load_model(Path(os.path.expanduser(source)))
        if model.id != model_id:
            raise ModelUnavailable(
                f"expected {source} to stay as it is, but it was changed while the model was being opened; "
                "run the same again"
            )
        return model.content

    def _reopen(self, model: FurtherModel) -> Embedder:
        own = self._own.get(model.model_id)
        path = model_path(self._folder, model.model_id) if self._folder is not None else None
        if own is None and (path is None or not path.is_file()):
            raise ModelUnavailable(
                f"the file of the model {model.name!r} is not with the collection any more: "
                f"add it again with `lookalike model add {model.name} FILE`"
            )
        embedder = self._open_model(own or str(path))
        if embedder.card.id != model.model_id:
            raise WrongModel(
                f"expected the file of the model {model.name!r}, but it holds another model: "
                f"add it again with `lookalike model add {model.name} FILE`"
            )
        return embedder
