"""Settings become a wired collection: its engines are picked here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.models import embedder_of, model_file, model_source, opened
from lookalike.assembly.places import BUILDING, MODELS, check_not_lost, check_place, check_there
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.options import tells_options
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.models.store import MODEL_IDS
from lookalike.settings import Settings, read_settings
from lookalike.settings.served_collections import CATALOG, OBJECTS, SNAPSHOTS
from lookalike.storage.private import keep_private
from lookalike.view.waiting import Waiting, untold

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog
    from lookalike.collection import Collection
    from lookalike.view.held import Wish

IN_MEMORY = ":memory:"


ANSWERS_BYTES = 32_000_000
"""What answers that were given before may take in memory."""


@tells_options
def open_collection(
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    projection: str | None = None,
    engine: str | None = None,
    recall: float | None = None,
    memory: str | int | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    read_only: bool = False,
    create: bool = True,
    model_soon: bool = False,
    upkeep: bool = True,
    allow_private_addresses: bool | None = None,
    keep_removed_days: int | None = None,
    max_pixels: int | str | None = None,
    max_side: int | str | None = None,
    max_bytes: int | str | None = None,
    max_decode_bytes: int | str | None = None,
    max_expansion: int | str | None = None,
    waiting: Waiting = untold,
) -> Collection:
    """Open a collection of pictures, and make it where there is none.

    What is not said here comes from the environment, the settings file, or the defaults: see `lookalike.settings`.

    Args:
        path: its folder; `:memory:` for one that lives as long as the object.
        model: `auto`, `int8`, `fp32`, `fine`, or the path of an ONNX file. A collection keeps to its model.
        projection: `auto` or `off`.
        engine: of the index: `auto`, `exact`, or a factory string of FAISS such as `IVF4096,PQ64x4fs`.
        recall: the share of the true nearest that an approximate index is to find, above 0 and at most 1.
        memory: that building an index may take: bytes, or a text such as `4G`.
        threads: that read, decode and embed at once.
        cache: folder in which models are kept.
        read_only: never write into the folder.
        create: make the collection where there is none.
        model_soon: the model will be needed soon: begin to open it, on a thread of its own. Without, it is opened when
            it is first needed.
        upkeep: make a large index anew in the background when changes have worn it down. Without, that is done after
            the next indexing.
        allow_private_addresses: whether a URL as a query may lead to this machine or its own network.
        keep_removed_days: for which the metadata of removed pictures is kept, to return with them; 0 keeps none.
        max_pixels: that one picture may have; more are refused.
        max_side: in pixels; pictures with a longer side are refused.
        max_bytes: of one file, or a text such as `500M`; larger ones are refused.
        max_decode_bytes: memory that decoding one picture may take, likewise.
        max_expansion: how many bytes of memory each byte of a file may become, beyond 256 MB.
        waiting: told what a call waits for, such as an index that is made anew.
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
    settings = read_settings(
        collection=given,
        model=model,
        projection=projection,
        engine=engine,
        recall=recall,
        memory=memory,
        threads=threads,
        cache=cache,
        allow_private_addresses=allow_private_addresses,
        keep_removed_days=keep_removed_days,
        max_pixels=max_pixels,
        max_side=max_side,
        max_bytes=max_bytes,
        max_decode_bytes=max_decode_bytes,
        max_expansion=max_expansion,
    )
    if in_memory:
        from lookalike.catalog.memory import MemoryCatalog

        return _wired(
            settings,
            MemoryCatalog(keep_removed_days=settings.keep_removed_days),
            folder=None,
            read_only=False,
            model_soon=model_soon,
            upkeep=upkeep,
            waiting=waiting,
        )
    folder = settings.collection
    check_not_lost(folder)
    if read_only or not create:
        check_there(folder)
    check_place(folder)
    catalog = SqliteCatalog.open(
        folder / CATALOG, read_only=read_only, create=create, keep_removed_days=settings.keep_removed_days
    )
    if not read_only:
        keep_private(folder, *(folder / name for name in (OBJECTS, SNAPSHOTS, MODELS, *BUILDING)))
    try:
        return _wired(
            settings, catalog, folder=folder, read_only=read_only, model_soon=model_soon, upkeep=upkeep, waiting=waiting
        )
    except BaseException:
        catalog.close()
        raise


def _wired(
    settings: Settings,
    catalog: Catalog,
    *,
    folder: Path | None,
    read_only: bool,
    model_soon: bool,
    upkeep: bool,
    waiting: Waiting,
) -> Collection:
    embedder = embedder_of(settings, catalog, folder, read_only=read_only)
    if model_soon and isinstance(embedder, LazyEmbedder):
        embedder.prepare()
    # Imported here, so that this goes on beside the opening of the model: together they are most of a short command.
    from lookalike.assembly.index_engines import LocalEngines
    from lookalike.collection import Collection
    from lookalike.objects.local import LocalObjects
    from lookalike.objects.memory import MemoryObjects
    from lookalike.parts.answer_cache import AnswerCache
    from lookalike.parts.parts import Parts
    from lookalike.parts.shelf import ModelShelf
    from lookalike.view.view import View

    parts = Parts(
        catalog=catalog,
        objects=LocalObjects(folder / OBJECTS) if folder else MemoryObjects(),
        embedder=embedder,
        models=ModelShelf(
            catalog,
            embedder,
            folder=folder / MODELS if folder else None,
            open_model=lambda name: opened(model_file(name, settings)),
            own_models={str(name): model_id for name, model_id in MODEL_IDS.items()},
            read_model=lambda name: model_file(name, settings),
            main_source=model_source(settings, catalog.model_id, folder),
        ),
        answers=AnswerCache(ANSWERS_BYTES),
        view=View(
            catalog,
            folder / SNAPSHOTS if folder else None,
            engines=LocalEngines(),
            wish=wish_of(settings),
            waiting=waiting,
        ),
        limits=settings.limits,
        folder=folder,
        allow_private_addresses=settings.allow_private_addresses,
    )
    return Collection(parts, threads=settings.threads, read_only=read_only, upkeep=upkeep)


def wish_of(settings: Settings) -> Wish:
    """What its index is to be like."""
    from lookalike.view.held import Wish

    return Wish(
        projecting=settings.projection,
        engine=settings.engine,
        recall=settings.recall,
        memory_bytes=settings.memory,
    )
