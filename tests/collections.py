"""Small collections wired by hand around the fake embedder, and small pictures in folders."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.collection import Collection
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.models.card import ModelCard
from lookalike.objects.base import Objects
from lookalike.objects.local import LocalObjects
from lookalike.objects.memory import MemoryObjects
from lookalike.parts.answer_cache import AnswerCache
from lookalike.parts.parts import Parts
from lookalike.parts.shelf import ModelShelf
from lookalike.storage.private import FOLDER
from lookalike.view.local_view import LocalView
from lookalike.view.view import View
from lookalike.view.wish import Wish

D = 16


_open: list[SqliteCatalog] = []


def lasting_folder() -> Path:
    """A new folder, which goes when all tests have run."""
    folder = Path(tempfile.mkdtemp(prefix="lookalike-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _empty_catalog() -> Path:
    """A catalog that nothing was put into, made once: to make one anew takes long."""
    path = lasting_folder() / "empty.sqlite"
    SqliteCatalog.open(path).close()
    return path


def open_catalog(path: Path, *, create: bool = True, **options: Any) -> SqliteCatalog:
    """A catalog in a file that is closed when the test ends, if the test has not done so."""
    if create and not path.exists():
        path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        part = path.with_name(f".{uuid.uuid4().hex}")
        shutil.copy(_empty_catalog(), part)
        with suppress(FileExistsError):  # whole at once, for others may open it
            path.hardlink_to(part)
        part.unlink()
    _open.append(SqliteCatalog.open(path, create=create, **options))
    return _open[-1]


def close_catalogs() -> None:
    """Close what `open_catalog` has opened."""
    while _open:
        _open.pop().close()


class CountingEmbedder:
    """The fake one; counts pictures, and does what it is told before each call."""

    def __init__(self, before: Callable[[int], None] | None = None, *, dimension: int = D, seed: int = 0) -> None:
        self._fake = FakeEmbedder(dimension=dimension, seed=seed)
        self._before = before
        self.pictures = 0

    @property
    def card(self) -> ModelCard:
        return self._fake.card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        if self._before is not None:
            self._before(self.pictures)
        self.pictures += len(images)
        return self._fake.embed(images)

    def close(self) -> None:
        """Nothing."""


def local_view(catalog: Catalog, folder: Path | None) -> View:
    """An index in this process, as most collections have."""
    snapshots = folder / "snapshots" if folder else None
    return LocalView(catalog, snapshots, engines=LocalEngines(), wish=Wish(projecting="off"))


class Views:
    """How small collections are given their view; tests that run over an index elsewhere put another one here."""

    make: Callable[[Catalog, Path | None], View] = staticmethod(local_view)


def new_parts(
    folder: Path | None = None,
    *,
    embedder: Embedder | None = None,
    catalog: Catalog | None = None,
    objects_of: Callable[[Catalog], Objects] | None = None,
    view_of: Callable[[Catalog, Wish], View] | None = None,
) -> Parts:
    """A collection in a folder, or in memory; or in what is given."""
    if catalog is None:
        catalog = open_catalog(folder / "catalog.sqlite") if folder else MemoryCatalog()
    elif folder is not None:  # which a catalog elsewhere has not made
        folder.mkdir(parents=True, exist_ok=True)
    embedder = embedder or CountingEmbedder()
    catalog.claim_model(embedder.card.id, embedder.card.dimension)
    objects: Objects = LocalObjects(folder / "objects") if folder else MemoryObjects()
    return Parts(
        catalog=catalog,
        objects=objects_of(catalog) if objects_of else objects,
        embedder=embedder,
        models=ModelShelf(
            catalog, embedder, folder=None, open_model=lambda _: FakeEmbedder(dimension=D), own_models={}
        ),
        answers=AnswerCache(1_000_000),
        view=view_of(catalog, Wish(projecting="off")) if view_of else Views.make(catalog, folder),
        limits=DEFAULT_LIMITS,
        folder=folder,
    )


def new_collection(
    folder: Path | None = None, *, embedder: Embedder | None = None, catalog: Catalog | None = None
) -> Collection:
    return Collection(new_parts(folder, embedder=embedder, catalog=catalog), threads=2, read_only=False)


def picture(seed: int) -> Image.Image:
    """12 x 8 patches of its own; as unlike another seed's as can be."""
    patches = np.random.default_rng(seed).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(patches, np.ones((4, 4, 1), np.uint8)))


def png(seed: int) -> bytes:
    target = io.BytesIO()
    picture(seed).save(target, "PNG")
    return target.getvalue()


def write(path: Path, seed: int) -> Path:
    """A picture in a file; of a file that is there, size or time change for sure."""
    return write_bytes(path, png(seed))


def write_bytes(path: Path, data: bytes) -> Path:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if before:
        touch(path, before + 1_000_000_000)
    return path


def touch(path: Path, mtime_ns: int) -> None:
    os.utime(path, ns=(mtime_ns, mtime_ns))


def album(folder: Path, count: int = 3) -> list[Path]:
    """`0.png`, `1.png` ... of different pictures."""
    return [write(folder / f"{n}.png", n) for n in range(count)]
