"""How much a service holds for clients that only want it to hold much. Three minutes, six with an older source beside.

With LOOKALIKE_BEFORE naming a folder of an older source, that is attacked, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import lookalike
from benchmarks.harness import Bench
from benchmarks.held_memory.attacks import Attack, grown_bytes, with_key, without_credential
from benchmarks.ports import free_port
from benchmarks.rows import measured
from benchmarks.service_load.servers import Server, ours, server

QUESTION = "How much memory does a service hold for clients that only want it to hold much?"
NAME, ASSET = "photos", "/docs/swagger-ui-bundle.js"
CONNECTIONS, WITH_KEY, SECONDS, REST_S = 400, 60, 6.0, 3.0
SIDE = 3_400
WITHOUT, OF_A_READER = "<= 64 MB", "<= 200 MB"
BEFORE = "LOOKALIKE_BEFORE"


class _Made(NamedTuple):
    """What the services serve: the folder of a collection, a large picture's id, the file of keys, and a key."""

    folder: Path
    picture: str
    keys: Path
    key: str


def measure(bench: Bench) -> None:
    made = _made(bench)
    before = os.environ.get(BEFORE)
    sources = {"now": None} | ({} if before is None else {"before": Path(before)})
    connections, few = bench.size(CONNECTIONS), bench.size(WITH_KEY)
    grown = {name: _grown(bench, made, source, name, connections, few) for name, source in sources.items()}
    for index, (kind, who, target) in enumerate(_kinds(made)):
        count = connections if target == WITHOUT else few
        old = grown.get("before")
        bench.add(
            measured(
                f"{kind.name}, {count} connections {who}",
                grown["now"][index],
                "MB",
                target=target,
                peer=None if old is None else f"before ({_commit(Path(str(before)))})",
                peer_value=None if old is None else old[index],
                note="resident memory above that of the idle service, at most, while it is attacked for 6 s",
            )
        )


def _kinds(made: _Made) -> list[tuple[Attack, str, str]]:
    nobody = [(kind, "without a credential", WITHOUT) for kind in without_credential(NAME, ASSET)]
    return nobody + [(kind, "with a read key", OF_A_READER) for kind in with_key(made.key, NAME, made.picture)]


def _grown(bench: Bench, made: _Made, source: Path | None, name: str, connections: int, few: int) -> list[float]:
    """Megabytes of each attack, each against a service of its own."""
    found = []
    for number, (kind, _, target) in enumerate(_kinds(made)):
        port, folder = free_port(), bench.folder(f"{name}-{number}")
        environment = {"LOOKALIKE_SERVE_KEYS_FILE": str(made.keys)}
        if source is not None:
            environment["PYTHONPATH"] = str(source / "src")
        with ExitStack() as stack:
            command = ours(made.folder, port=port, folder=folder, workers=1)
            service = stack.enter_context(server(command, port=port, folder=folder, environment=environment))
            found.append(_under(kind, service, connections if target == WITHOUT else few))
            bench.say(f"{name}: {kind.name}: {found[-1]:.0f} MB")
        bench.tick()
    return found


def _under(kind: Attack, service: Server, connections: int) -> float:
    time.sleep(REST_S)
    grown = grown_bytes(
        kind,
        resident_bytes=lambda: int(service.process.memory_info().rss),
        port=service.port,
        connections=connections,
        seconds=SECONDS,
    )
    return grown / 1e6


def _made(bench: Bench) -> _Made:
    folder, keys = bench.own / f"{NAME}.lookalike", bench.own / "keys.json"
    picture = bench.own / "large.bmp"
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    with lookalike.open(folder) as photos:
        large = photos.add(picture.read_bytes())
    command = [sys.executable, "-m", "lookalike", "key", "add", "reader", "--keys", str(keys)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return _Made(folder, large, keys, _key_of(told.stdout + told.stderr))


def _key_of(told: str) -> str:
    return next(word for word in told.split() if word.startswith("lk"))


def _commit(source: Path) -> str:
    command = ["git", "-C", str(source), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
