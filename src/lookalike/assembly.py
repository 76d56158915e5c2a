"""The one place that picks engines: settings become a wired collection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import BadInput, ModelUnavailable, NoCollection, WrongModel
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.models.store import MODEL_IDS, ModelFile, default_model, load_model
from lookalike.settings import Settings, read_settings

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog
    from lookalike.collection import Collection
    from lookalike.embedding.base import Embedder

IN_MEMORY = ":memory:"
DIMENSION = 1280
"""Of the models that come with the install."""


def open_collection(
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    projection: str | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    read_only: bool = False,
    create: bool = True,
    model_soon: bool = False,
) -> Collection:
    """Open a collection of pictures, and make it where there is none.

    What is not said here comes from the environment, the settings file, or the defaults: see `lookalike.settings`.

    Args:
        path: its folder; `:memory:` for one that lives as long as the object.
        model: `auto`, `int8`, `fp32`, or the path of an ONNX file. A collection keeps to its model.
        projection: `auto` or `off`.
        threads: that read, decode and embed at once.
        cache: folder in which models are kept.
        read_only: never write into the folder.
        create: make the collection where there is none.
        model_soon: the model will be needed soon: begin to open it, on a thread of its own. Without, it is opened when
            it is first needed.
    Returns:
        the collection, a context manager that closes it. Safe to use from many threads.
    Raises:
        NoCollection: when there is none and it may not be made.
        WrongModel: when it was made with another model.
        FormatTooNew, CatalogDamaged: when its catalog cannot be used.
        BadInput: when a setting is not possible, or the folder holds other things than a collection.
    """
    in_memory = path == IN_MEMORY
    given = None if in_memory else path
    settings = read_settings(collection=given, model=model, projection=projection, threads=threads, cache=cache)
    if in_memory:
        from lookalike.catalog.memory import MemoryCatalog

        return _wired(settings, MemoryCatalog(), folder=None, read_only=False, model_soon=model_soon)
    folder = settings.collection
    if not (create and not read_only) and not (folder / "catalog.sqlite").is_file():
        raise NoCollection(f"there is no collection at {folder}: make one with `lookalike index FOLDER -c {folder}`")
    _check_place(folder)
    catalog = SqliteCatalog.open(folder / "catalog.sqlite", read_only=read_only)
    try:
        return _wired(settings, catalog, folder=folder, read_only=read_only, model_soon=model_soon)
    except BaseException:
        catalog.close()
        raise


def _check_place(folder: Path) -> None:
    """Refuse a place where a collection would lie among other things, such as the photos themselves."""
    try:
        others = sorted(name for name in os.listdir(folder) if not name.startswith((".", "catalog.sqlite")))
    except NotADirectoryError:
        raise BadInput(f"expected the folder of a collection, but {folder} is a file") from None
    except OSError:  # not there yet, or not to be listed: the opening of the catalog says which
        return
    if set(others) - {"objects", "snapshots"} and not (folder / "catalog.sqlite").exists():
        raise BadInput(
            f"{folder} is no collection, and holds other things ({', '.join(others[:2])}{' …' * (len(others) > 2)}): "
            f"give the collection a folder of its own, for example {folder / 'photos.lookalike'}"
        )


def _wired(
    settings: Settings, catalog: Catalog, *, folder: Path | None, read_only: bool, model_soon: bool
) -> Collection:
    embedder = _embedder(settings, catalog, read_only=read_only)
    if model_soon and isinstance(embedder, LazyEmbedder):
        embedder.prepare()
    # Imported here, so that this goes on beside the opening of the model: together they are most of a short command.
    from lookalike.collection import Collection
    from lookalike.images.limits import DEFAULT_LIMITS
    from lookalike.objects.local import LocalObjects
    from lookalike.objects.memory import MemoryObjects
    from lookalike.pipelines.parts import Parts
    from lookalike.pipelines.view import View

    parts = Parts(
        catalog=catalog,
        objects=LocalObjects(folder / "objects") if folder else MemoryObjects(),
        embedder=embedder,
        view=View(catalog, folder / "snapshots" if folder else None, projecting=settings.projection),
        limits=DEFAULT_LIMITS,
        folder=folder,
    )
    return Collection(parts, threads=settings.threads, read_only=read_only)


def _embedder(settings: Settings, catalog: Catalog, *, read_only: bool) -> Embedder:
    """The embedder of the catalog's model; a new catalog is bound to the model that the settings name."""
    wanted = settings.model
    if wanted == "auto":
        bound = [name for name, model_id in MODEL_IDS.items() if model_id == catalog.model_id]
        if catalog.model_id and not bound:
            raise WrongModel(
                f"the collection was made with the model {catalog.model_id[:12]}, which did not "
                "come with the install: name its file, with --model or LOOKALIKE_MODEL"
            )
        wanted = bound[0] if bound else "int8"
    if wanted not in MODEL_IDS:
        if not os.path.isfile(os.path.expanduser(wanted)):
            raise ModelUnavailable(
                f"expected auto, int8, fp32 or the path of an ONNX file as the model, got {wanted!r}: "
                "there is no such file"
            )
        embedder = _opened(load_model(Path(os.path.expanduser(wanted))))
        if not read_only or catalog.model_id:
            catalog.claim_model(embedder.card.id, embedder.card.dimension)
        return embedder
    if not read_only or catalog.model_id:
        catalog.claim_model(MODEL_IDS[wanted], DIMENSION)
    return LazyEmbedder(lambda: _opened(default_model(wanted, cache_dir=settings.cache)))


def _opened(model: ModelFile) -> Embedder:
    from lookalike.embedding.onnx import OnnxEmbedder  # brings in ONNX Runtime, which is slow to import

    return OnnxEmbedder(model)
