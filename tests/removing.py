"""A process that removes a picture and says so, to be killed then; it opens what it writes to as any other does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from lookalike.assembly.feeds import Feeds
from lookalike.assembly.index_elsewhere import view_elsewhere
from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.collection import Collection
from lookalike.view.local_view import LocalView
from lookalike.view.view import View
from lookalike.view.wish import Wish
from tests.collections import new_parts

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([__name__])  # a hundred processes that each import all of it would take minutes


def opened(folder: Path, engine: str) -> Collection:
    """A collection in a folder.

    Args:
        folder: of it.
        engine: of its index, as in `Wish`, or the URL of a database that has it.
    """
    parts = new_parts(folder, view_of=partial(_view, folder, engine))
    return Collection(parts, threads=2, read_only=False)


@contextmanager
def removing(folder: Path, engine: str, image_id: str, *, forever: bool) -> Iterator[None]:
    """A process that has acknowledged a removal, and goes on with what it does beside; killed when the block ends."""
    ours, theirs = _forking.Pipe()
    process = _forking.Process(target=_remove, args=(folder, engine, image_id, forever, theirs))
    process.start()
    theirs.close()
    try:
        with ours:
            assert ours.recv() == image_id
            yield
    finally:
        process.kill()
        process.join()
        process.close()


def _remove(folder: Path, engine: str, image_id: str, forever: bool, told: Connection) -> None:
    collection = opened(folder, engine)
    assert image_id in [hit.id for hit in collection.search(image_id, k=1_000)]
    collection.remove(image_id, forever=forever)
    told.send(image_id)
    while True:  # until it is killed
        collection.rebuild()


def _view(folder: Path, engine: str, catalog: Catalog, wish: Wish) -> View:
    if engine.startswith("postgresql:"):
        return view_elsewhere(engine, catalog, wish, feeds=Feeds.BESIDE)
    wish = Wish(projecting="off", engine=engine, recall=1.0)
    return LocalView(catalog, folder / "snapshots", engines=LocalEngines(), wish=wish)
