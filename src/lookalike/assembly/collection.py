"""Settings become a wired collection: its engines are picked here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.assembly.feeds import Feeds
from lookalike.assembly.models import borrow_embedder, embedder_of, model_file, model_source
from lookalike.assembly.places import BUILDING, MODELS, check_not_lost, check_place, check_there
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.arguments import checks_arguments
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.models.store import MODEL_IDS
from lookalike.settings import Settings, read_settings
from lookalike.settings.served_collections import CATALOG, OBJECTS, SNAPSHOTS
from lookalike.storage.private import keep_private
from lookalike.view.waiting import Waiting, untold

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog
    from lookalike.collection import Collection
    from lookalike.objects.base import Objects
    from lookalike.view.view import View
    from lookalike.view.wish import Wish

IN_MEMORY = ":memory:"


ANSWERS_BYTES = 32_000_000
"""What answers that were given before may take in memory."""


@checks_arguments()
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
    vectors: str | None = None,
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
        engine: of the index: `auto`, `exact`, `gpu`, or a factory string of FAISS such as `IVF4096,PQ64x4fs`.
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
        vectors: `postgresql://user:secret@host/name` of a database with pgvector, in which the index is to live, for
            whatever process opens the collection; '' for an index in this process. Who opens it with `upkeep` and may
            write brings it up to date; of several, one does.
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
        vectors=vectors,
        max_pixels=max_pixels,
        max_side=max_side,
        max_bytes=max_bytes,
        max_decode_bytes=max_decode_bytes,
        max_expansion=max_expansion,
    )
    if in_memory:
        from lookalike.catalog.memory import MemoryCatalog

        return wire_collection(
            settings,
            MemoryCatalog(keep_removed_days=settings.keep_removed_days),
            folder=None,
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
        return wire_collection(
            settings, catalog, folder=folder, read_only=read_only, model_soon=model_soon, upkeep=upkeep, waiting=waiting
        )
    except BaseException:
        catalog.close()
        raise


def wire_collection(
    settings: Settings,
    catalog: Catalog,
    *,
    folder: Path | None,
    objects_of: Callable[[Catalog], Objects] | None = None,
    feeds: Feeds | None = None,
    read_only: bool = False,
    model_soon: bool = False,
    upkeep: bool = True,
    waiting: Waiting = untold,
) -> Collection:
    """Join the parts of a collection.

    Args:
        settings: what was set.
        catalog: its own; it is bound to a model here, where it is to none.
        folder: what it keeps on this machine: snapshots and model files, and bytes of pictures where `objects_of` does
            not say; None for nothing.
        objects_of: makes where the bytes of its pictures are kept.
        feeds: when this process brings an index elsewhere up to date; as somebody's own collection does if None.
        read_only: as for `open_collection`; so are the next three.
        model_soon: likewise.
        upkeep: likewise.
        waiting: likewise.
    """
    embedder = embedder_of(settings, catalog, folder, read_only=read_only)
    if model_soon and isinstance(embedder, LazyEmbedder):
        embedder.prepare()
    # Imported here, so that this goes on beside the opening of the model: together they are most of a short command.
    from lookalike.collection import Collection
    from lookalike.parts.answer_cache import AnswerCache
    from lookalike.parts.parts import Parts
    from lookalike.parts.shelf import ModelShelf

    parts = Parts(
        catalog=catalog,
        objects=objects_of(catalog) if objects_of else _objects_in(folder),
        embedder=embedder,
        models=ModelShelf(
            catalog,
            embedder,
            folder=folder / MODELS if folder else None,
            open_model=lambda name: borrow_embedder(name, settings),
            own_models={str(name): model_id for name, model_id in MODEL_IDS.items()},
            read_model=lambda name: model_file(name, settings),
            main_source=model_source(settings, catalog.model_id, folder),
        ),
        answers=AnswerCache(ANSWERS_BYTES),
        view=_view_of(settings, catalog, folder, feeds=feeds or _feeds(read_only, upkeep), waiting=waiting),
        limits=settings.limits,
        folder=folder,
        allow_private_addresses=settings.allow_private_addresses,
    )
    return Collection(parts, threads=settings.threads, read_only=read_only, upkeep=upkeep)


def _objects_in(folder: Path | None) -> Objects:
    if folder is not None:
        from lookalike.objects.local import LocalObjects

        return LocalObjects(folder / OBJECTS)
    from lookalike.objects.memory import MemoryObjects

    return MemoryObjects()


def _view_of(settings: Settings, catalog: Catalog, folder: Path | None, *, feeds: Feeds, waiting: Waiting) -> View:
    if settings.vectors:
        from lookalike.assembly.index_elsewhere import view_elsewhere

        return view_elsewhere(settings.vectors, catalog, wish_of(settings), feeds=feeds, waiting=waiting)
    from lookalike.assembly.index_engines import LocalEngines
    from lookalike.view.local_view import LocalView

    snapshots = folder / SNAPSHOTS if folder else None
    return LocalView(catalog, snapshots, engines=LocalEngines(), wish=wish_of(settings), waiting=waiting)


def _feeds(read_only: bool, upkeep: bool) -> Feeds:
    """Whether an index elsewhere is fed by who opened a collection for itself."""
    if read_only:
        return Feeds.NEVER
    return Feeds.BESIDE if upkeep else Feeds.AFTER_WRITING


def wish_of(settings: Settings) -> Wish:
    """What its index is to be like."""
    from lookalike.view.wish import Wish

    return Wish(
        projecting=settings.projection,
        engine=settings.engine,
        recall=settings.recall,
        memory_bytes=settings.memory,
    )
