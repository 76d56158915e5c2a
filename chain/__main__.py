"""The whole chain on this machine: `python -m chain run` compares both flows, `... up` leaves it running."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

import lookalike
from chain.comparison import table, upload_all
from chain.flows import ClassicFlow, DirectFlow, Flow, Photo
from chain.parts import Parts
from chain.programs import service, worker
from chain.unprivileged import open_folder
from lookalike.cli.stopping import set_at_signals
from lookalike.core.errors import ImageRefused
from lookalike.demo.kept import kept_pictures

PHOTOS = 200
PORT = 8080
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


def main() -> int:
    """Do what was asked for."""
    arguments = _parser().parse_args()
    with _own_folder(arguments.folder) as folder, open_folder() as servers:
        photos, model_id = read_photos(arguments.photos or _draw(folder / "photos"), most=arguments.count)
        _say("PostgreSQL, S3 and RabbitMQ are started ...")
        with Parts.in_folder(servers) as parts:
            if arguments.what == "up":
                return _leave_running(parts, folder)
            return compare(parts, folder, photos, model_id)


def read_photos(folder: Path, *, most: int) -> tuple[list[Photo], str]:
    """The first pictures of a folder with the vectors that a browser would compute, and the id of the model.

    What is no picture that can be used is passed over: the demo's folder has one that is broken on purpose.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    photos: list[Photo] = []
    with lookalike.open(":memory:") as collection:
        for path in paths:
            if len(photos) == most:
                break
            with suppress(ImageRefused):
                vector = np.asarray(collection.embed(path), np.float32).ravel()
                photos.append(Photo(path.name, path.read_bytes(), vector))
        return photos, collection.models.embedder.card.id


def compare(parts: Parts, folder: Path, photos: Sequence[Photo], model_id: str) -> int:
    """Bring photos in by both flows, and print what each costs; 0, as a program that ended well.

    Args:
        parts: that run.
        folder: what the programs keep and log.
        photos: pictures, each once.
        model_id: of the model of their vectors.
    """
    flows: tuple[Flow, ...] = (ClassicFlow(), DirectFlow(model_id=model_id))
    costs = []
    for flow in flows:
        settings = parts.settings(home=folder / "home", flow=flow.name)
        serving = service(environment=settings, log=folder / f"{flow.name}-service.log")
        working = worker(environment=settings, log=folder / f"{flow.name}-worker.log")
        try:
            serving.start()
            working.start()
            _say(f"{len(photos)} photos by the {flow.name} flow; the page is at {serving.url}")
            costs.append(
                upload_all(flow, photos, service=serving, workers=[working], collection=flow.name, model_id=model_id)
            )
        finally:
            working.stop()
            serving.stop()
    print(table(costs))
    return 0


def _leave_running(parts: Parts, folder: Path) -> int:
    settings = parts.settings(home=folder / "home")
    serving = service(environment=settings, log=folder / "service.log", port=PORT)
    working = worker(environment=settings, log=folder / "worker.log")
    stop = threading.Event()
    set_at_signals(stop)
    try:
        serving.start()
        working.start()
        for name, value in settings.items():
            print(f"export {name}='{value}'")
        _say(f"The page is at {serving.url}; what the programs say is in {folder}. Ctrl-C ends it all.")
        while not stop.wait(1.0):
            pass
    finally:
        working.stop()
        serving.stop()
    return 0


@contextmanager
def _own_folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="lookalike-chain-") as folder:
        yield Path(folder)


def _draw(folder: Path) -> Path:
    _say(f"{PHOTOS} pictures are drawn ...")
    kept_pictures(folder, count=PHOTOS)
    return folder


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chain", description=__doc__)
    parser.add_argument("what", choices=["run", "up"], help="compare both flows and stop, or leave it running")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="pictures to take; drawn ones if not said")
    parser.add_argument("--folder", type=Path, help="what the programs keep and log; one that goes if not said")
    parser.add_argument("--count", type=int, default=PHOTOS, metavar="N", help="so many of them at most")
    return parser


if __name__ == "__main__":
    sys.exit(main())
