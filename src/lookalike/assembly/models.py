"""The model of a collection: which one it is, and where its file lies."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.places import MODELS
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import ModelUnavailable, StorageFailed, WrongModel
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.embedding.shared import SharedEmbedders
from lookalike.models.kept import keep_model, model_path
from lookalike.models.store import MODEL_IDS, ModelFile, default_model, load_model
from lookalike.settings import Settings, read_settings
from lookalike.settings.served_collections import CATALOG

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog
    from lookalike.embedding.base import Embedder
    from lookalike.models.card import ModelCard

_SHARED = SharedEmbedders()

_log = logging.getLogger(__name__)


DIMENSION = 1280
"""Of the models that come with the install."""


def open_model(
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> tuple[ModelCard, Path | None]:
    """Open the model that a collection was made with, or, where there is no collection, one would be made with.

    Args:
        path: folder of the collection.
        model: as for `open_collection`.
        cache: likewise.
    Returns:
        its card, and where its file lies; None where that could not be kept.
    Raises:
        ModelUnavailable: when it cannot be made or read.
        WrongModel, FormatTooNew, CatalogDamaged: as in `open_collection`.
    """
    settings = read_settings(collection=path, model=model, cache=cache)
    bound = ""
    if (settings.collection / CATALOG).is_file():
        with SqliteCatalog.open(settings.collection / CATALOG, read_only=True) as catalog:
            bound = catalog.model_id
    file = model_file(model_name(settings, bound, settings.collection), settings)
    return open_embedder(file).card, file.path


def model_for_import(
    file: str | os.PathLike[str],
    *,
    path: str | os.PathLike[str] | None = None,
    model: str | None = None,
) -> str | None:
    """The model that a collection is to be opened with, so that it can take an export in; nothing is made.

    Args:
        file: the export.
        path: folder of the collection.
        model: as for `open_collection`.
    Returns:
        `model` where there is a collection, which keeps to its own; else the one that the export's vectors are of.
    Raises:
        BadInput, MissingExtra: as in `import_collection`.
        ModelUnavailable: when the one that was named cannot be read.
        WrongModel: when that is another one, or none was named and the export's did not come with the install.
    """
    from lookalike.transfer import origin_of_export

    settings = read_settings(collection=path, model=model)
    if (settings.collection / CATALOG).is_file():
        return model
    wanted = origin_of_export(file).model_id
    own_names: dict[str, str] = {model_id: name for name, model_id in MODEL_IDS.items()}
    if settings.model == "auto" and wanted in own_names:
        return own_names[wanted]
    if settings.model == "auto":
        raise WrongModel(
            f"{os.fspath(file)} is of the model {wanted[:12]}, which did not come with the install: "
            "name its file with --model or LOOKALIKE_MODEL"
        )
    named = MODEL_IDS[settings.model] if settings.model in MODEL_IDS else model_file(settings.model, settings).id
    if named != wanted:
        raise WrongModel(
            f"expected the model {settings.model}, but {os.fspath(file)} is of the model "
            f"{own_names.get(wanted, wanted[:12])}: name the file of that one with --model or LOOKALIKE_MODEL"
        )
    return settings.model


def embedder_of(settings: Settings, catalog: Catalog, folder: Path | None, *, read_only: bool) -> Embedder:
    """The embedder of the catalog's model; a new catalog is bound to the model that the settings name.

    A model of the user's own is kept with the collection, so that the next opening need not be told where it lies.
    """
    bound = catalog.model_id
    name = model_name(settings, bound, folder)
    if name in MODEL_IDS:
        if bound or not read_only:
            catalog.claim_model(MODEL_IDS[name], DIMENSION)
        return LazyEmbedder(lambda: borrow_embedder(name, settings))
    if bound and folder is not None and name == str(model_path(folder / MODELS, bound)):
        return LazyEmbedder(lambda: _SHARED.borrow(bound, lambda: open_embedder(_whole_model(name, bound, settings))))
    file = model_file(name, settings)
    embedder = _SHARED.borrow(file.id, lambda: open_embedder(file))
    if bound or not read_only:
        catalog.claim_model(embedder.card.id, embedder.card.dimension)
    if folder is not None and not read_only:
        try:
            keep_model(file.content, folder / MODELS, model_id=file.id)
        except StorageFailed as error:  # it works without, as long as it is told where the file lies
            _log.warning("%s", error)
    return embedder


def model_name(settings: Settings, bound: str, folder: Path | None) -> str:
    """A name of `MODEL_IDS` or the path of a file.

    Args:
        settings: what was said.
        bound: the id of the catalog's model, '' for none yet.
        folder: of the collection; None in memory.
    """
    kept = model_path(folder / MODELS, bound) if folder is not None and bound else None
    if settings.model != "auto":
        if kept is not None and _is_gone(settings.model) and kept.is_file():
            _log.warning("%s is not there any more: the collection's own copy of its model is used", settings.model)
            return str(kept)
        return settings.model
    if not bound:
        return "int8"
    for name, model_id in MODEL_IDS.items():
        if model_id == bound:
            return name
    if kept is not None and kept.is_file():
        return str(kept)
    raise WrongModel(
        f"the collection was made with the model {bound[:12]}, which did not come with the install: "
        "name its file, with --model or LOOKALIKE_MODEL"
    )


def _is_gone(name: str) -> bool:
    """Whether it names a file, and there is none."""
    names_file = os.sep in name or name.endswith(".onnx")
    return names_file and not Path(os.path.expanduser(name)).exists()


def model_source(settings: Settings, bound: str, folder: Path | None) -> str:
    """Where to read the model's file: rather the kept copy than the user's file, which may change."""
    if folder is not None and bound and model_path(folder / MODELS, bound).is_file():
        return str(model_path(folder / MODELS, bound))
    return model_name(settings, bound, folder)


def _whole_model(path: str, model_id: str, settings: Settings) -> ModelFile:
    model = model_file(path, settings)
    if model.id != model_id:
        raise ModelUnavailable(
            f"expected the collection's model {model_id[:12]} in {path}, but it is damaged, or another: "
            f"name a whole copy of the model's file once, with --model or LOOKALIKE_MODEL"
        )
    return model


def model_file(name: str, settings: Settings) -> ModelFile:
    """The file of a model that `model_name` names.

    Raises:
        ModelUnavailable: when it is not there, or cannot be made or read.
    """
    if name in MODEL_IDS:
        return default_model(name, cache_dir=settings.cache)
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise ModelUnavailable(
            f"expected auto, int8, fp32, fine or the path of an ONNX file as the model, got {name!r}: "
            "there is no such file; correct the path"
        )
    return load_model(path)


def borrow_embedder(name: str, settings: Settings) -> Embedder:
    """The embedder of a model that `model_name` names: the same one for all collections of this process.

    Raises:
        ModelUnavailable: when it cannot be made or read.
    """
    if name in MODEL_IDS:
        return _SHARED.borrow(MODEL_IDS[name], lambda: open_embedder(model_file(name, settings)))
    file = model_file(name, settings)
    return _SHARED.borrow(file.id, lambda: open_embedder(file))


def open_embedder(model: ModelFile) -> Embedder:
    """What embeds by a model, in this process."""
    from lookalike.embedding.onnx import OnnxEmbedder  # brings in ONNX Runtime, which is slow to import

    return OnnxEmbedder(model)
