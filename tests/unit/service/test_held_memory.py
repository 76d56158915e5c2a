"""What a service holds for clients that only want it to hold much, in a process of its own, on real sockets."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from benchmarks.held_memory.attacks import Attack, grown_bytes, with_key, without_credential
from tests.services import FIRST, Process, in_a_process, token

CONNECTIONS, SECONDS = 100, 1.5
MOST_BYTES = 64_000_000
MOST_WITH_KEY_BYTES = 128_000_000
ASSET = "/docs/swagger-ui-bundle.js"
SIDE = 1_500

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the memory of a process")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with in_a_process(tmp_path_factory.mktemp("served")) as process:
        yield process


def grown_under(kind: Attack, served: Process, *, connections: int) -> int:
    return grown_bytes(
        kind,
        resident_bytes=served.resident_bytes,
        port=served.port,
        connections=connections,
        seconds=SECONDS,
    )


def check_alive(served: Process) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/livez", timeout=20) as reply:
        assert json.load(reply) == {"status": "ok"}


@pytest.mark.parametrize("kind", without_credential(FIRST, ASSET), ids=lambda kind: kind.name)
def test_next_to_nothing_is_held_for_who_has_shown_no_credential(served: Process, kind: Attack) -> None:
    assert grown_under(kind, served, connections=CONNECTIONS) < MOST_BYTES
    check_alive(served)


@pytest.mark.parametrize("name", [kind.name for kind in with_key("", FIRST, "")])
def test_little_is_held_for_who_may_read(served: Process, name: str) -> None:
    picture = large_picture(served) if name.startswith("slow readers") else ""
    key = token("read")["Authorization"].removeprefix("Bearer ")
    (kind,) = [one for one in with_key(key, FIRST, picture) if one.name == name]

    assert grown_under(kind, served, connections=CONNECTIONS // 4) < MOST_WITH_KEY_BYTES
    check_alive(served)


def large_picture(served: Process) -> str:
    """The id of one of 7 MB; held whole for each reader, it would be 170 MB."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "BMP")
    image_id = hashlib.sha256(data.getvalue()).hexdigest()
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.port}/v1/collections/{FIRST}/images/{image_id}",
        data=data.getvalue(),
        headers={**token("write"), "Content-Type": "image/bmp"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.status in (200, 201)
    return image_id
