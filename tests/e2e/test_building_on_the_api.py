"""The samples of `docs/howto/build-on-the-api.md`, in its order, against a real service."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import lookalike
from tests.bare_environment import ROOT
from tests.e2e.conftest import Album
from tests.e2e.test_service import Served, serving
from tests.unit.images.pictures import encoded, scene

TEXT = (ROOT / "docs" / "howto" / "build-on-the-api.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [command.replace("\\\n", " ") for command in re.findall(r"^    (curl (?:.*\\\n)*.*)$", TEXT, re.MULTILINE)]
ADDRESS = "127.0.0.1:8080"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures that the samples name, and a collection `photos`."""
    folder = tmp_path_factory.mktemp("building")
    for seed, name in enumerate(("a.jpg", "b.jpg", "cat.jpg")):
        (folder / name).write_bytes(encoded(scene(1000, 700, seed=seed + 20), "JPEG"))
    with lookalike.open(folder / "photos.lookalike") as collection:
        collection.index(folder / "a.jpg", folder / "b.jpg")
    return folder


@pytest.fixture(scope="module")
def served(place: Path) -> Iterator[Served]:
    with serving(Album(place, place / "photos.lookalike")) as service:
        yield service


@pytest.mark.parametrize("n", range(2))
def test_a_request_of_curl_is_answered(n: int, served: Served, place: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    line = COMMANDS[n].replace(f"http://{ADDRESS}", served.url).replace("$(uuidgen)", f"key-{n}")
    done = subprocess.run(f"{line} -sS", shell=True, cwd=place, capture_output=True, text=True, check=False)
    reply = json.loads(done.stdout)
    assert "code" not in reply, reply
    assert len(reply["hits"] if n == 0 else reply["data"]) == 2


SAID = (
    r"\{'name': 'cat.jpg', 'shop': 'north'\}\n",
    r"\['(?:cat\.jpg)?', '[ab]\.jpg', '[ab]\.jpg'\]\n",
    r"ready\nhits 0 \['a\.jpg', .*\]\nhits 1 \['b\.jpg', .*\]\n",
    r"\d+ job\.(queued|running|done) [0-9a-f]{32}\n",
)
"""What each program prints, in their order: the upload is found by the next, and its job told by the last."""


@pytest.mark.parametrize("n", range(len(SAID)))
def test_a_program_runs(n: int, served: Served, place: Path) -> None:
    program = PROGRAMS[n].replace(ADDRESS, served.url.removeprefix("http://"))
    home = {"XDG_DATA_HOME": str(place / "data")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **home},
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SAID[n], done.stdout), done.stdout


def test_every_sample_is_run() -> None:
    assert (len(COMMANDS), len(PROGRAMS)) == (2, len(SAID))


def test_a_model_s_file_is_what_its_card_says(served: Served) -> None:
    import hashlib

    (card,) = served.get("/v1/models").json()["data"]
    assert httpx2.get(f"{served.url}/v1/models/{card['id']}").json() == card
    content = served.get(card["url"]).content
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (card["id"], card["size_bytes"])
