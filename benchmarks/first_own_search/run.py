"""How soon the page answers the first search with a picture of one's own, slowly connected. Three minutes, Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import lookalike
from benchmarks.harness import Bench, CannotRun, evenly
from benchmarks.photos import large_photos, photo_set
from benchmarks.ports import free_port
from benchmarks.rows import measured, median, quartiles
from benchmarks.service_load.servers import ours, server
from lookalike.core.errors import ServiceDown
from lookalike.service.parity.browser import find_browser
from lookalike.settings.page_folder import page_folder

QUESTION = "How soon does the page answer the first search with a picture of one's own?"
PICTURES, ROUNDS = 300, 5
TARGET = "<= 1.5 s"
WEB = Path(__file__).parents[2] / "web"
NETWORK = "1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms; a browser that has never seen the page"


def measure(bench: Bench) -> None:
    script = _script()
    photos = [photo.path for photo in evenly(photo_set("caltech"), bench.size(PICTURES))]
    collection = bench.own / "photos.lookalike"
    with lookalike.open(collection) as held:
        held.index(*photos[1:])
    (large,) = large_photos(bench, 1)
    port = free_port()
    command = ours(collection, port=port, folder=bench.own, workers=1)
    with server(command, port=port, folder=bench.own):
        url = f"http://127.0.0.1:{port}"
        for place, words, picture, rounds, target in (
            ("auto", "Auto", photos[0], ROUNDS, TARGET),
            ("auto", "Auto, a photo of 12 megapixels", large, ROUNDS, TARGET),
            ("server", "Service", photos[0], ROUNDS, None),
            ("browser", "Browser", photos[0], 1, None),
        ):
            bench.tick()
            _add(bench, words, _rounds(script, url, picture, place, bench.size(rounds)), target=target)


def _add(bench: Bench, words: str, rounds: list[dict[str, float]], *, target: str | None) -> None:
    seconds = [one["seconds"] for one in rounds]
    before, until = (median([one[name] for one in rounds]) for name in ("kb_before", "kb_until_hits"))
    bench.add(
        measured(
            f"{words}: from choosing a picture to its hits, cold",
            median(seconds),
            "s",
            spread=quartiles(seconds),
            target=target,
            note=f"{NETWORK}; {before:.0f} kB came before, {until:.0f} kB until the hits; {len(seconds)} rounds",
        )
    )


def _rounds(script: Path, url: str, picture: Path, place: str, rounds: int) -> list[dict[str, float]]:
    try:
        environment = {**os.environ, "CHROMIUM": str(find_browser())}
    except ServiceDown as error:
        raise CannotRun(str(error)) from error
    done = subprocess.run(
        ["node", str(script), url, str(picture), place, str(rounds)],
        cwd=WEB,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _script() -> Path:
    """The script that drives the browser, bundled.

    Raises:
        CannotRun: when npm, its packages or the built page are missing.
    """
    if shutil.which("npm") is None or not (WEB / "node_modules").exists():
        raise CannotRun("needs npm and its packages: make web")
    if page_folder() is None:
        raise CannotRun("the page is not built: make web")
    subprocess.run(["npm", "run", "--silent", "first-search"], cwd=WEB, check=True)
    return WEB / "node_modules" / ".cache" / "first-search" / "first_search.js"
