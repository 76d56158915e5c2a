"""A fresh machine, with what Lookalike requires and no more: each extra that is missing, through each door.

The environments are real ones (`tests/bare_environment.py`); nothing is made to look missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from websockets.sync.client import connect

import lookalike
from lookalike.core.installing import MODULES
from tests.bare_environment import ROOT, BareEnvironment
from tests.e2e.conftest import Album
from tests.unit.images.pictures import encoded, scene

HEIC = encoded(scene(), "AVIF").replace(b"ftypavif", b"ftypheic", 1).replace(b"avifmif1miaf", b"heicmif1miaf", 1)
"""What a HEIC's header looks like; without the extra nothing reads further."""

FOLDER = " in the folder of Lookalike's source"


def line(extra: str) -> str:
    """How the line ends that installs an extra from here."""
    return f"pip install -e '{ROOT}[{extra}]'"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    return BareEnvironment(tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    return BareEnvironment(tmp_path_factory.mktemp("served"), extras=["serve"])


def test_the_environment_is_bare(core: BareEnvironment, served: BareEnvironment) -> None:
    looked = (
        "import json, importlib.util, lookalike\n"
        f"print(json.dumps([m for m in {list(MODULES)} if importlib.util.find_spec(m)]))"
    )
    assert json.loads(core.run("-c", looked).stdout) == []
    of_serve = {module for module, extra in MODULES.items() if extra == "serve"}
    assert set(json.loads(served.run("-c", looked).stdout)) == of_serve


def test_every_extra_is_known_by_what_is_imported_of_it() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(MODULES.values()) == set(extras) - {"all", "bench", "chain", "lint", "test"}


COMMANDS: dict[str, tuple[list[str], str]] = {
    "reranking": (["search", "0.jpg", "-c", "c", "--rerank", "local"], "features"),
    "a drawing": (["search", "0.jpg", "-c", "c", "--why", "why.jpg"], "features"),
    "a search with HEIC": (["search", "a.heic", "-c", "c"], "heic"),
    "watching": (["index", ".", "-c", "c", "--watch"], "watch"),
    "exporting": (["export", "out.parquet", "-c", "c"], "parquet"),
    "importing": (["import", "in.parquet", "-c", "new"], "parquet"),
    "neighbours from Parquet": (["knn", "in.parquet", "b.npy"], "parquet"),
    "neighbours into Parquet": (["knn", "b.npy", "b.npy", "-o", "out.parquet"], "parquet"),
    "comparing": (["knn", "b.npy", "b.npy", "--compare", "sklearn"], "compare"),
    "a graphics card": (["knn", "b.npy", "b.npy", "--device", "cuda"], "gpu"),
    "serving": (["serve", "-c", "c", "--home", "home"], "serve"),
    "working": (["worker", "-c", "c", "--home", "home"], "serve"),
    "parity": (["parity", "--browser", "none", "--count", "30"], "serve"),
}


@pytest.fixture
def place(album: Album, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: pictures, a collection `c`, vectors, and a HEIC."""
    folder = album.collection.parent
    monkeypatch.chdir(folder)
    for photo in album.photos.iterdir():
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "a.heic").write_bytes(HEIC)
    (folder / "in.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    np.save(folder / "b.npy", np.eye(4, dtype=np.float32))
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_in_one_line_what_to_install(core: BareEnvironment, place: Path, name: str) -> None:
    arguments, extra = COMMANDS[name]

    done = core.run("-m", "lookalike", *arguments)

    last = done.stderr.decode().splitlines()[-1]
    assert done.returncode != 0
    assert last.startswith("lookalike: ")
    assert "not installed" in last
    assert last.endswith(line(extra))
    assert "Traceback" not in done.stderr.decode()


def test_keys_are_made_without_the_service(core: BareEnvironment, place: Path) -> None:
    done = core.run("-m", "lookalike", "key", "add", "ann", "--keys", "keys.json")
    assert (done.returncode, (place / "keys.json").exists()) == (0, True)


def test_indexing_goes_on_and_tells_of_heic(core: BareEnvironment, place: Path) -> None:
    done = core.run("-m", "lookalike", "index", ".", "-c", "c", "--json")

    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert [one["code"] for one in told["failed"]] == ["needs_extra"]
    assert told["failed"][0]["reason"].endswith(line("heic"))


CALLS: dict[str, tuple[str, str]] = {
    "reranking": ("c.search('0.jpg', rerank='local')", "features"),
    "why": ("c.why('0.jpg', c.search('0.jpg').hits[0])", "features"),
    "a drawing": ("c.drawing_of('0.jpg', c.search('0.jpg').hits[0])", "features"),
    "a table of hits": ("c.search('0.jpg').to_pandas()", "pandas"),
    "a table of neighbours": ("lookalike.knn(eye, eye, 2).to_pandas()", "pandas"),
    "watching": ("c.watch('.', on_change=print, stop=threading.Event())", "watch"),
    "exporting": ("c.export_to('out.parquet')", "parquet"),
    "neighbours from Parquet": ("lookalike.knn('in.parquet', eye, 2)", "parquet"),
    "neighbours into Parquet": ("lookalike.knn(eye, eye, 2).save('out.parquet')", "parquet"),
    "comparing": ("lookalike.knn(eye, eye, 2, compare='sklearn')", "compare"),
    "a graphics card": ("lookalike.knn(eye, eye, 2, device='cuda')", "gpu"),
}
PROGRAM = """
import json, sys, threading
import numpy as np
import lookalike
from lookalike.core.errors import LookalikeError
eye = np.eye(4, dtype=np.float32)
told = {}
with lookalike.open("c") as c:
    for name, call in json.loads(sys.argv[1]).items():
        try:
            eval(call)
            told[name] = ["nothing was raised", ""]
        except LookalikeError as error:
            told[name] = [error.code, str(error)]
print(json.dumps(told))
"""


def test_python_is_told_what_to_install(core: BareEnvironment, place: Path) -> None:
    calls = {name: call for name, (call, _) in CALLS.items()} | {"HEIC": "c.search('a.heic')"}

    done = core.run("-c", PROGRAM, json.dumps(calls))

    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    codes = {name: code for name, (code, _) in told.items()}
    assert codes == {**dict.fromkeys(CALLS, "missing_extra"), "HEIC": "needs_extra"}
    wrong = {
        name: words
        for name, (_, words) in told.items()
        if not words.endswith(line({"HEIC": "heic"}.get(name) or CALLS[name][1]))
    }
    assert wrong == {}


@contextlib.contextmanager
def serving(environment: BareEnvironment, place: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [environment.python, "-m", "lookalike", "serve", "-c", "c", "--home", "home", "--port", "0", "-q"],
        cwd=place,
        env=environment.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_service_says_so_as_a_problem_and_shows_no_path(served: BareEnvironment, place: Path) -> None:
    picture = {"image": ("0.jpg", (place / "0.jpg").read_bytes())}
    heic = {"image": ("a.heic", HEIC)}
    at = "/v1/collections/c"

    with serving(served, place) as address, httpx2.Client(base_url=address, timeout=60) as client:
        rerank = client.post(f"{at}/search", files=picture, data={"query": '{"rerank": "local"}'})
        looked = client.post(f"{at}/search", files=heic)
        added = client.post(f"{at}/images", files=heic).json()["data"][0]
        embedded = client.post("/v1/embeddings", files=heic)
        with connect(f"{address.replace('http', 'ws')}{at}/stream") as stream:
            stream.recv()
            stream.send(bytes([1, 0, 0, 0, 1, 0, 0, 0]) + HEIC)
            framed = json.loads(stream.recv())
        after = client.post(f"{at}/search", files=picture)

    assert (rerank.status_code, rerank.json()["code"]) == (501, "missing_extra")
    assert rerank.headers["content-type"] == "application/problem+json"
    assert rerank.json()["detail"].endswith(f"whoever runs the service can: pip install -e '.[features]'{FOLDER}")
    assert (looked.status_code, looked.json()["code"]) == (422, "needs_extra")
    assert (added["status"], added["code"]) == ("refused", "needs_extra")
    assert embedded.text.count("needs_extra") == 1
    assert (framed["type"], framed["code"]) == ("problem", "needs_extra")
    for words in (looked.text, json.dumps(added), embedded.text, json.dumps(framed), rerank.text):
        assert "pip install -e '.[" in words
        assert str(ROOT) not in words
    assert after.status_code == 200


def test_a_service_that_is_to_count_in_redis_does_not_start_without_its_library(
    served: BareEnvironment, place: Path
) -> None:
    served_with = {**served.env, "LOOKALIKE_SERVE_RATE_STORAGE": "redis://user:hush@127.0.0.1:1/0"}
    arguments = [served.python, "-m", "lookalike", "serve", "-c", "c", "--home", "home", "--port", "0", "--rate", "5"]

    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=served_with, timeout=60)

    assert done.returncode == lookalike.core.errors.MissingExtra.exit_code
    assert done.stderr.splitlines()[-1].endswith(line("redis"))
    assert "hush" not in done.stderr
    assert os.listdir(place)
