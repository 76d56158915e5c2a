"""The one place that picks engines: settings become a wired collection."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.catalog.sqlite import SqliteCatalog, nobody_writing
from lookalike.core.errors import (
    BadInput,
    CollectionError,
    ModelUnavailable,
    NoCollection,
    StorageFailed,
    WrongModel,
)
from lookalike.core.options import tells_options
from lookalike.core.private import keep_private
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.models.kept import keep_model, kept_model
from lookalike.models.store import MODEL_IDS, ModelFile, default_model, default_model_path, load_model
from lookalike.pipelines.waiting import Waiting, untold
from lookalike.settings import Settings, read_settings
from lookalike.settings.served_collections import CATALOG, SUFFIX

if TYPE_CHECKING:
    from lookalike.catalog.base import Catalog
    from lookalike.collection import Collection
    from lookalike.embedding.base import Embedder
    from lookalike.ledger.base import Ledger
    from lookalike.models.card import ModelCard
    from lookalike.pipelines.backup import CollectionPlace, Place
    from lookalike.pipelines.doctor import Patient
    from lookalike.pipelines.held import Wish
    from lookalike.queue.base import Queue
    from lookalike.settings.service import ServiceSettings

_log = logging.getLogger(__name__)

IN_MEMORY = ":memory:"
OBJECTS, SNAPSHOTS, MODELS, UPLOADS = "objects", "snapshots", "models", "uploads"
"""What lies in the folder of a collection beside its catalog."""

BUILDING = ("building", "building.lock")
"""What lies there while an index of millions is built, and after a kill."""

COLLECTIONS, QUEUE, LEDGER, SIGNING_KEY = "collections", "queue.sqlite", "ledger.sqlite", "signing.key"
"""What lies in the folder of a service: the collections that it has made, and beside them its own files."""

MOST_ATTEMPTS = 10
"""How often a job is tried, over about an hour, before it is given up; what could not be tried does not count."""

KEYS = "keys.json"
"""The file of keys in a backup."""

ANSWERS_BYTES = 32_000_000
"""What answers that were given before may take in memory."""

REMOVED = ".removed"
"""The end of the hidden name that a collection bears while it is being removed."""

REMOVAL_WAIT_S = 10.0
"""How long the removal of a collection waits for who writes to it, in seconds."""

DIMENSION = 1280
"""Of the models that come with the install."""


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
    if read_only or not create:
        _check_there(folder)
    _check_place(folder)
    catalog = SqliteCatalog.open(folder / CATALOG, read_only=read_only, keep_removed_days=settings.keep_removed_days)
    if not read_only:
        keep_private(folder, *(folder / name for name in (OBJECTS, SNAPSHOTS, MODELS, *BUILDING)))
    try:
        return _wired(
            settings, catalog, folder=folder, read_only=read_only, model_soon=model_soon, upkeep=upkeep, waiting=waiting
        )
    except BaseException:
        catalog.close()
        raise


@dataclass(frozen=True, slots=True)
class CollectionGlance:
    """What the catalog alone says of a collection.

    Attributes:
        images: pictures.
        model_id: of its own model; '' where nothing was indexed yet.
        dimension: of the raw vectors.
        further_models: names of models of which vectors are kept beside its own, with the ids of these.
        fields: what a filter may ask for, as in `CollectionInfo`.
        identity: as of `Collection`.
    """

    images: int
    model_id: str
    dimension: int
    further_models: dict[str, str]
    fields: tuple[str, ...]
    identity: str


def glance_at_collection(folder: Path) -> CollectionGlance:
    """Look into a collection's catalog, without opening its index or a model. Takes about a millisecond.

    Raises:
        NoCollection: when there is none.
        FormatTooNew, CatalogDamaged, CollectionError, StorageFailed: when its catalog cannot be read as it is.
    """
    from lookalike.pipelines.known_fields import askable_fields

    with SqliteCatalog.open(folder / CATALOG, read_only=True) as catalog:
        further = {model.name: model.model_id for model in catalog.further_models()}
        return CollectionGlance(
            images=catalog.facts().images,
            model_id=catalog.model_id,
            dimension=catalog.dimension,
            further_models=further,
            fields=tuple(askable_fields(catalog)),
            identity=catalog.identity(),
        )


def remove_collection(folder: Path, *, wait_s: float = REMOVAL_WAIT_S) -> None:
    """Remove a collection whole: first out of sight in one step, while nobody writes to it, then for good.

    Args:
        folder: the collection's.
        wait_s: how long to wait for who writes, in seconds.
    Raises:
        NoCollection: when there is none.
        Locked: when another process writes all the while.
        ReadOnly, StorageFailed: when it cannot be removed.
    """
    gone = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{REMOVED}")
    try:
        if not (folder / CATALOG).is_file():
            raise NoCollection(f"there is no collection at {folder}")
        with nobody_writing(folder / CATALOG, wait_s=wait_s):
            folder.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise StorageFailed(f"the collection cannot be removed: {error.strerror or error}") from error


def sweep_removed(folder: Path, *, before: float) -> None:
    """Delete what is left of collections whose removal was begun, and ended with its process.

    Args:
        folder: in which the collections lay.
        before: Unix time in seconds: only what began before it, for the rest may be under way.
    Raises:
        StorageFailed: when something cannot be deleted.
    """
    try:
        for gone in folder.glob(f".*{REMOVED}"):
            if gone.stat().st_ctime < before:
                shutil.rmtree(gone)
    except OSError as error:
        raise StorageFailed(f"a removed collection cannot be deleted: {error.strerror or error}") from error


def _check_there(folder: Path) -> None:
    if (folder / CATALOG).is_file():
        return
    if folder.is_file():
        of_collection = f": name the folder, {folder.parent}" if folder.name == CATALOG else ""
        raise BadInput(f"expected the folder of a collection, but {folder} is a file{of_collection}")
    meant = _meant(folder)
    raise NoCollection(
        f"there is no collection at {folder}: "
        + (f"did you mean {meant}?" if meant else f"make one with `lookalike index FOLDER -c {folder}`")
    )


def _meant(folder: Path) -> str | None:
    """A collection in the folder, or beside it under nearly the same name."""
    from lookalike.core.meant import entry_meant

    below = sorted(folder.glob(f"*/{CATALOG}"))
    if below:
        return str(below[0].parent)
    return entry_meant(str(folder), fits=lambda path: Path(path, CATALOG).is_file())


def _check_place(folder: Path) -> None:
    """Refuse a place where a collection would lie among other things, such as the photos themselves."""
    try:
        others = sorted(name for name in os.listdir(folder) if not name.startswith((".", CATALOG)))
    except NotADirectoryError:
        raise BadInput(f"expected the folder of a collection, but {folder} is a file") from None
    except OSError:  # not there yet, or not to be listed: the opening of the catalog says which
        return
    if set(others) - {OBJECTS, SNAPSHOTS, MODELS, UPLOADS, *BUILDING} and not (folder / CATALOG).exists():
        raise BadInput(
            f"{folder} is no collection, and holds other things ({', '.join(others[:2])}{' …' * (len(others) > 2)}): "
            f"give the collection a folder of its own, for example {folder / 'photos.lookalike'}"
        )


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
    embedder = _embedder(settings, catalog, folder, read_only=read_only)
    if model_soon and isinstance(embedder, LazyEmbedder):
        embedder.prepare()
    # Imported here, so that this goes on beside the opening of the model: together they are most of a short command.
    from lookalike.collection import Collection
    from lookalike.objects.local import LocalObjects
    from lookalike.objects.memory import MemoryObjects
    from lookalike.pipelines.answer_cache import AnswerCache
    from lookalike.pipelines.parts import Parts
    from lookalike.pipelines.shelf import ModelShelf
    from lookalike.pipelines.view import View

    parts = Parts(
        catalog=catalog,
        objects=LocalObjects(folder / OBJECTS) if folder else MemoryObjects(),
        embedder=embedder,
        models=ModelShelf(
            catalog,
            embedder,
            folder=folder / MODELS if folder else None,
            open_model=lambda name: _opened(_model_file(name, settings)),
            own_models={str(name): model_id for name, model_id in MODEL_IDS.items()},
            read_model=lambda name: _model_file(name, settings),
            main_source=_model_source(settings, catalog.model_id, folder),
        ),
        answers=AnswerCache(ANSWERS_BYTES),
        view=View(catalog, folder / SNAPSHOTS if folder else None, wish=_wish(settings), waiting=waiting),
        limits=settings.limits,
        folder=folder,
        allow_private_addresses=settings.allow_private_addresses,
    )
    return Collection(parts, threads=settings.threads, read_only=read_only, upkeep=upkeep)


def _wish(settings: Settings) -> Wish:
    from lookalike.pipelines.held import Wish

    return Wish(
        projecting=settings.projection,
        engine=settings.engine,
        recall=settings.recall,
        memory_bytes=settings.memory,
    )


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
    file = _model_file(_model_name(settings, bound, settings.collection), settings)
    return _opened(file).card, file.path


@contextmanager
def open_patient(
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    projection: str | None = None,
    engine: str | None = None,
    recall: float | None = None,
    memory: str | int | None = None,
    cache: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Iterator[Patient]:
    """The parts of a collection for the doctor, none of which has to be in order; arguments as in `open_collection`.

    `home` is the folder of the service that serves it; the usual one if None. It need not be there.

    Raises:
        NoCollection: when there is none.
        BadInput: when a setting is not possible.
    """
    from lookalike.catalog.sqlite.lock import writer_lock
    from lookalike.ledger.awaited import is_awaited
    from lookalike.objects.direct.local import LocalUploads
    from lookalike.objects.local import LocalObjects
    from lookalike.pipelines.doctor import ModelPlace, Patient
    from lookalike.settings.service_reading import read_service_home

    settings = read_settings(
        collection=path, model=model, projection=projection, engine=engine, recall=recall, memory=memory, cache=cache
    )
    folder = settings.collection
    _check_there(folder)
    service = read_service_home(home)
    opened: list[SqliteCatalog] = []
    ledgers: list[Ledger] = []

    def is_waited_for(upload_id: str) -> bool | None:
        if not ledgers and (service / LEDGER).is_file():
            ledgers.append(open_ledger(service))
        return is_awaited(ledgers[0], upload_id) if ledgers else None

    def catalog() -> SqliteCatalog:
        if not opened:
            opened.append(SqliteCatalog.open(folder / CATALOG, keep_removed_days=settings.keep_removed_days))
        return opened[0]

    def model_name() -> str:
        try:
            return _model_name(settings, catalog().model_id, folder)
        except (CollectionError, StorageFailed):  # a damaged catalog is a finding of its own
            return _model_name(settings, "", None)

    name = model_name()
    if name in MODEL_IDS:
        place = ModelPlace(default_model_path(name, cache_dir=settings.cache), MODEL_IDS[name])
    else:
        place = ModelPlace(Path(os.path.expanduser(name)), None)
    try:
        yield Patient(
            folder=folder,
            open_catalog=catalog,
            objects=LocalObjects(folder / OBJECTS),
            uploads=LocalUploads(folder / UPLOADS, secret=lambda: secrets.token_bytes(32)),  # signs nothing
            is_awaited=is_waited_for,
            open_embedder=lambda: _opened(_model_file(name, settings)),
            models=folder / MODELS,
            model=place,
            snapshots=folder / SNAPSHOTS,
            wish=_wish(settings),
            lock_holder=writer_lock(folder / CATALOG).holder,
        )
    finally:
        for catalog_opened in opened:
            catalog_opened.close()
        for ledger in ledgers:
            ledger.close()


def open_queue(home: Path, *, starts_anyway: bool = False) -> Queue:
    """The queue of the service whose folder that is; made where there is none.

    Args:
        home: that folder.
        starts_anyway: a disk that is full or cannot be written is told at each use, and not here.
    Raises:
        FormatTooNew, StorageFailed, ReadOnly, Locked: when it cannot be used.
    """
    from lookalike.queue.sqlite import SqliteQueue

    return SqliteQueue(home / QUEUE, max_attempts=MOST_ATTEMPTS, starts_anyway=starts_anyway)


def open_ledger(home: Path, *, starts_anyway: bool = False) -> Ledger:
    """The ledger of the service whose folder that is; arguments and errors as of `open_queue`."""
    from lookalike.ledger.sqlite import SqliteLedger

    return SqliteLedger(home / LEDGER, starts_anyway=starts_anyway)


def service_place(settings: ServiceSettings) -> Place:
    """All that a service keeps, for a backup: its collections, its own files, the keys."""
    from lookalike.catalog.sqlite.copying import CatalogCopy
    from lookalike.objects.local import LocalObjects
    from lookalike.pipelines.backup import Place

    home = settings.home
    folders = {f"{name}{SUFFIX}": folder for name, folder in settings.collections.items()}
    for catalog in sorted((home / COLLECTIONS).glob(f"*/{CATALOG}")):
        if not catalog.parent.name.startswith("."):  # which one that is being removed does
            folders[f"{COLLECTIONS}/{catalog.parent.name}"] = catalog.parent
    files = {SIGNING_KEY: home / SIGNING_KEY}
    if settings.keys_file is not None:
        files[KEYS] = settings.keys_file
    return Place(
        collections=tuple(_collection_place(name, folder) for name, folder in folders.items()),
        databases={name: home / name for name in (LEDGER, QUEUE) if (home / name).is_file()},
        files=files,
        open_objects=LocalObjects,
        open_copy=CatalogCopy,
    )


def _collection_place(name: str, folder: Path) -> CollectionPlace:
    from lookalike.catalog.sqlite.copying import CatalogFile
    from lookalike.objects.direct.local import QUARANTINE, STAGED
    from lookalike.objects.local import LocalObjects
    from lookalike.pipelines.backup import CollectionPlace

    staged, quarantine = f"{UPLOADS}/{STAGED}", f"{UPLOADS}/{QUARANTINE}"
    return CollectionPlace(
        name=name,
        catalog_name=CATALOG,
        catalog=CatalogFile(folder / CATALOG),
        objects_name=OBJECTS,
        objects=LocalObjects(folder / OBJECTS),
        waiting={staged: folder / staged},
        beside={MODELS: folder / MODELS, quarantine: folder / quarantine},
    )


def _embedder(settings: Settings, catalog: Catalog, folder: Path | None, *, read_only: bool) -> Embedder:
    """The embedder of the catalog's model; a new catalog is bound to the model that the settings name.

    A model of the user's own is kept with the collection, so that the next opening need not be told where it lies.
    """
    bound = catalog.model_id
    name = _model_name(settings, bound, folder)
    if name in MODEL_IDS:
        if bound or not read_only:
            catalog.claim_model(MODEL_IDS[name], DIMENSION)
        return LazyEmbedder(lambda: _opened(_model_file(name, settings)))
    if bound and folder is not None and name == str(kept_model(folder / MODELS, bound)):
        return LazyEmbedder(lambda: _opened(_whole_model(name, bound, settings)))
    file = _model_file(name, settings)
    embedder = _opened(file)
    if bound or not read_only:
        catalog.claim_model(embedder.card.id, embedder.card.dimension)
    if folder is not None and not read_only:
        try:
            keep_model(file.content, folder / MODELS, model_id=file.id)
        except StorageFailed as error:  # it works without, as long as it is told where the file lies
            _log.warning("%s", error)
    return embedder


def _model_name(settings: Settings, bound: str, folder: Path | None) -> str:
    """A name of `MODEL_IDS` or the path of a file.

    Args:
        settings: what was said.
        bound: the id of the catalog's model, '' for none yet.
        folder: of the collection; None in memory.
    """
    if settings.model != "auto":
        return settings.model
    if not bound:
        return "int8"
    for name, model_id in MODEL_IDS.items():
        if model_id == bound:
            return name
    if folder is not None and kept_model(folder / MODELS, bound).is_file():
        return str(kept_model(folder / MODELS, bound))
    raise WrongModel(
        f"the collection was made with the model {bound[:12]}, which did not come with the install: "
        "name its file, with --model or LOOKALIKE_MODEL"
    )


def _model_source(settings: Settings, bound: str, folder: Path | None) -> str:
    """Where to read the model's file: rather the kept copy than the user's file, which may change."""
    if folder is not None and bound and kept_model(folder / MODELS, bound).is_file():
        return str(kept_model(folder / MODELS, bound))
    return _model_name(settings, bound, folder)


def _whole_model(path: str, model_id: str, settings: Settings) -> ModelFile:
    model = _model_file(path, settings)
    if model.id != model_id:
        raise ModelUnavailable(
            f"{path} is damaged, or holds another model than the collection's {model_id[:12]}: "
            "name a whole copy of the model's file once, with --model or LOOKALIKE_MODEL"
        )
    return model


def _model_file(name: str, settings: Settings) -> ModelFile:
    if name in MODEL_IDS:
        return default_model(name, cache_dir=settings.cache)
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise ModelUnavailable(
            f"expected auto, int8, fp32, fine or the path of an ONNX file as the model, got {name!r}: "
            "there is no such file"
        )
    return load_model(path)


def _opened(model: ModelFile) -> Embedder:
    from lookalike.embedding.onnx import OnnxEmbedder  # brings in ONNX Runtime, which is slow to import

    return OnnxEmbedder(model)
