"""Nothing leaves the machine, and nothing is written outside of our own folders: each way in, watched by the kernel."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from tests.e2e.conftest import Album
from tests.e2e.test_cli_process import pictures_in
from tests.e2e.tracing import Trace, bare_environment, calls_in, prefix, python, traced
from tests.unit.images.pictures import encoded, scene
from tests.waiting import eventually

LONGEST_S = 60
UNTIL_TELEMETRY_LOOKS_UP_S = 13  # ONNX Runtime 1.31 asks for its maker's host ten seconds after its import
TELEMETRY_ON = {"ORT_DISABLE_TELEMETRY": "0"}
IMPORT = "import onnxruntime"


class Guarded(NamedTuple):
    """A new user's home.

    Attributes:
        home: empty but for an empty `tmp`.
        work: a folder that the user works in.
        run: this command, under the guard.
    """

    home: Path
    work: Path
    run: Callable[..., Trace]

    @property
    def own(self) -> tuple[Path, ...]:
        """Where anything may be written."""
        return self.work, self.home / "tmp", *(self.home / place / "lookalike" for place in (".cache", ".local/share"))

    @property
    def files(self) -> set[str]:
        """What lies in the home, but for folders."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "tmp").mkdir(parents=True)
    work.mkdir()

    def run(*command: str | os.PathLike[str], **more: str) -> Trace:
        return traced(
            python(*command), trace=tmp_path / "trace", environment=bare_environment(home, **more), cwd=work
        )  # fmt: skip

    return Guarded(home, work, run)


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory, indexed_once: Path) -> Path:
    """A home with the model's cache, and a folder with pictures `p` and their collection `c`."""
    place = tmp_path_factory.mktemp("settled")
    (place / "home" / "tmp").mkdir(parents=True)
    shutil.copytree(indexed_once / "photos", place / "work" / "p")
    command = python("-m", "lookalike", "index", "p", "-c", "c", "-q")
    subprocess.run(command, cwd=place / "work", env=bare_environment(place / "home"), check=True)
    return place


@pytest.fixture
def albums(guarded: Guarded, settled: Path) -> Path:
    """The user's folder, once they have indexed their pictures."""
    shutil.copytree(settled / "work", guarded.work, dirs_exist_ok=True)
    shutil.copytree(settled / "home", guarded.home, dirs_exist_ok=True)
    return guarded.work


def assert_private(run: Trace, guarded: Guarded) -> None:
    assert run.lookups == []
    assert run.connections == []
    outside = [path for path in run.writes_outside(*guarded.own) if not is_a_parent(path, guarded)]
    assert outside == []
    assert [
        path for path in guarded.files if not path.startswith((".cache/lookalike/", ".local/share/lookalike/"))
    ] == []


def is_a_parent(path: str, guarded: Guarded) -> bool:
    """A folder above one of ours, such as `~/.cache`."""
    return any(str(place).startswith(f"{path}/") for place in guarded.own)


VERBS = {
    "index": ("index", "p", "-c", "new"),
    "search": ("search", "p/0.jpg", "-c", "c"),
    "search with all": ("search", "p/0.jpg", "-c", "c", "--rerank", "local", "--why", "w.png", "--sheet", "s.html"),
    "search finer": ("search", "p/0.jpg", "-c", "c", "--rerank", "fine"),
    "duplicates": ("duplicates", "-c", "c"),
    "info": ("info", "-c", "c"),
    "rebuild": ("rebuild", "-c", "c"),
    "rebuild with faiss": ("rebuild", "-c", "c", "--engine", "Flat"),
    "prune": ("index", "p", "-c", "c", "--prune"),
    "export": ("export", "out.parquet", "-c", "c"),
    "model add": ("model", "add", "further", "fp32", "-c", "c"),
    "model list": ("model", "list", "-c", "c"),
    "key": ("key", "add", "me", "--keys", "keys.json"),
    "demo": ("demo", "d", "--count", "30"),
    "the usual collection": ("index", "p"),
    "help": ("--help",),
    "completion": ("completion", "bash"),
}


EXTRAS = {"search with all": ("cv2", "features"), "export": ("pyarrow", "parquet")}
"""What a command needs beside the package: a module, and the extra that brings it."""


@pytest.mark.parametrize("verb", VERBS)
def test_no_command_speaks_to_anybody(guarded: Guarded, albums: Path, verb: str) -> None:
    if verb in EXTRAS:
        module, extra = EXTRAS[verb]
        pytest.importorskip(module, reason=f"needs the extra {extra}")
    arguments = VERBS[verb]
    run = guarded.run("-m", "lookalike", *arguments)
    assert run.code in (0, 3), run.stderr
    assert_private(run, guarded)


def test_the_doctor_speaks_to_nobody(guarded: Guarded, albums: Path) -> None:
    run = guarded.run("-m", "lookalike", "doctor", "-c", "c", "--repair")
    assert "ok" in run.stdout
    assert_private(run, guarded)


def test_what_was_exported_is_imported_without_a_word_to_anybody(guarded: Guarded, albums: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    for arguments in (("export", "out.parquet", "-c", "c"), ("import", "out.parquet", "-c", "new")):
        run = guarded.run("-m", "lookalike", *arguments)
        assert run.code == 0, run.stderr
        assert_private(run, guarded)


def test_what_is_removed_is_removed_in_private(guarded: Guarded, albums: Path) -> None:
    index = guarded.run("-m", "lookalike", "index", "p", "-c", "new", "-q")
    remove = guarded.run("-m", "lookalike", "remove", "p/5.jpg", "-c", "new", "--yes")
    assert (index.code, remove.code) == (0, 0), remove.stderr
    assert_private(index, guarded)
    assert_private(remove, guarded)


def test_a_fresh_home_gets_the_model_and_nothing_else(guarded: Guarded, album: Album) -> None:
    run = guarded.run("-m", "lookalike", "index", album.photos, "-c", "c")
    assert run.code == 0, run.stderr
    assert_private(run, guarded)
    assert any(path.startswith(".cache/lookalike/") for path in guarded.files)


def test_neighbours_of_arrays_are_found_in_private(guarded: Guarded) -> None:
    make = "import numpy; numpy.save('b.npy', numpy.random.default_rng(0).normal(size=(500, 16)).astype('f'))"
    subprocess.run([sys.executable, "-c", make], cwd=guarded.work, check=True)
    run = guarded.run("-m", "lookalike", "knn", "b.npy", "b.npy", "-k", "3", "-o", "n.csv")
    assert run.code == 0, run.stderr
    assert_private(run, guarded)


IN_PYTHON = """
{before}
import lookalike
with lookalike.open("c") as photos:
    photos.index("p")
    assert len(photos.search("p/1.jpg", k=3)) == 3
    photos.duplicates()
"""


def test_python_speaks_to_nobody(guarded: Guarded, albums: Path) -> None:
    run = guarded.run("-W", "error", "-c", IN_PYTHON.format(before=""))
    assert (run.code, run.stderr) == (0, "")
    assert_private(run, guarded)


@pytest.mark.parametrize(
    "module", ["embedding.onnx", "index.shortlist.product", "settings", "service.app", "core.vectors", "worker.worker"]
)
def test_whichever_module_comes_first_the_library_is_silent(guarded: Guarded, module: str) -> None:
    run = guarded.run("-c", f"import lookalike.{module}; {IMPORT}")
    assert (run.code, run.stderr) == (0, "")
    assert_private(run, guarded)


@pytest.mark.parametrize("package", ["benchmarks", "tests.conftest"])
def test_so_it_is_in_benchmarks_and_tests(guarded: Guarded, package: str) -> None:
    run = guarded.run("-c", f"import {package}; {IMPORT}", PYTHONPATH=str(Path(__file__).parents[2]))
    assert (run.code, run.stderr) == (0, "")
    assert_private(run, guarded)


SOME_VECTORS = """
import benchmarks
import numpy
vectors = numpy.random.default_rng(0).normal(size=(200, 16)).astype("f")
"""
PEERS = {
    "annoy": """
import annoy
index = annoy.AnnoyIndex(16, "angular")
for n, vector in enumerate(vectors):
    index.add_item(n, vector)
index.build(4)
assert index.get_nns_by_vector(vectors[0], 1) == [0]""",
    "faiss": """
import faiss
index = faiss.IndexHNSWFlat(16, 8)
index.add(vectors)
index.search(vectors, 1)""",
    "fastembed": """
import fastembed
fastembed.ImageEmbedding.list_supported_models()""",
    "hnswlib": """
import hnswlib
index = hnswlib.Index("cosine", 16)
index.init_index(200)
index.add_items(vectors)""",
    "lancedb": """
import lancedb
table = lancedb.connect("lance").create_table("t", [{"vector": vector} for vector in vectors])
assert len(table.search(vectors[0]).limit(3).to_list()) == 3""",
    "milvus_lite": """
import pymilvus
client = pymilvus.MilvusClient("m.db")
client.create_collection("t", dimension=16)
client.insert("t", [{"id": n, "vector": vector.tolist()} for n, vector in enumerate(vectors)])
client.close()""",
    "usearch": """
import usearch.index
index = usearch.index.Index(ndim=16)
index.add(numpy.arange(200), vectors)""",
}


@pytest.mark.parametrize("peer", PEERS)
def test_the_peers_of_benchmarks_speak_to_nobody(guarded: Guarded, peer: str) -> None:
    if importlib.util.find_spec(peer) is None:
        pytest.skip("needs the extra bench")
    run = guarded.run("-c", SOME_VECTORS + PEERS[peer], PYTHONPATH=str(Path(__file__).parents[2]))
    assert run.code == 0, run.stderr
    # gRPC, which Milvus speaks with itself, reads where name servers are, and asks none
    questions = [call for call in run.lookups if peer != "milvus_lite" or "resolv.conf" not in call]
    assert (questions, run.connections, run.writes_outside(*guarded.own), guarded.files) == ([], [], [], set())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_and_all_its_processes_speak_to_nobody(
    guarded: Guarded, albums: Path, tmp_path: Path, workers: str
) -> None:
    command = python("-m", "lookalike", "serve", "--port", "0", "-c", "c", "--home", "home", "--workers", workers)
    with running(command, guarded, tmp_path) as process, httpx2.Client(trust_env=False, timeout=30) as client:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        for _ in range(4):
            files = {"image": (albums / "p" / "0.jpg").read_bytes()}
            assert client.post(f"{address}/v1/collections/c/search", files=files).status_code == 200
        time.sleep(UNTIL_TELEMETRY_LOOKS_UP_S)
    assert_private(Trace(0, "", "", guarded.work, calls_in(tmp_path / "trace")), guarded)


def test_what_is_uploaded_is_taken_in_without_a_word_to_anybody(guarded: Guarded, albums: Path, tmp_path: Path) -> None:
    data = encoded(scene(640, 480, seed=77), "JPEG")
    command = python("-m", "lookalike", "serve", "--port", "0", "-c", "c", "--home", "home")
    with running(command, guarded, tmp_path) as process, httpx2.Client(trust_env=False, timeout=30) as client:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        collection = f"{address}/v1/collections/c"
        sha256 = hashlib.sha256(data).hexdigest()
        announced = {"name": "a.jpg", "size_bytes": len(data), "content_type": "image/jpeg", "sha256": sha256}
        upload = client.post(f"{collection}/uploads", json=announced).json()
        put = upload["put"]
        client.request(put["method"], f"{address}{put['url']}", headers=put["headers"], content=data).raise_for_status()
        completed = client.post(f"{collection}/uploads/{upload['id']}/complete", json={"sha256": sha256})
        completed.raise_for_status()
        eventually(lambda: client.get(f"{collection}/images/{sha256}").status_code == 200)
        added = client.post(f"{collection}/images", files={"image": encoded(scene(320, 240, seed=78), "PNG")})
        assert added.status_code in (200, 201, 202)
        refused = client.post(f"{collection}/search", json={"image_url": "http://127.0.0.1:9/a.jpg"})
        assert refused.status_code == 422
    assert_private(Trace(0, "", "", guarded.work, calls_in(tmp_path / "trace")), guarded)


def test_a_folder_is_watched_in_private(guarded: Guarded, albums: Path, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles", reason="needs the extra watch")
    (guarded.work / "watched").mkdir()
    command = python("-m", "lookalike", "index", "watched", "-c", "new", "--watch")

    def is_known() -> bool:
        shutil.copy(albums / "p" / "0.jpg", guarded.work / "watched")
        return pictures_in(guarded.work / "new") == 1

    with running(command, guarded, tmp_path):
        eventually(is_known, every_s=0.05)
    assert_private(Trace(0, "", "", guarded.work, calls_in(tmp_path / "trace")), guarded)


def test_a_worker_speaks_to_nobody(guarded: Guarded, albums: Path, tmp_path: Path) -> None:
    with running(python("-m", "lookalike", "worker", "-c", "c", "--home", "home"), guarded, tmp_path):
        time.sleep(3)
    assert_private(Trace(0, "", "", guarded.work, calls_in(tmp_path / "trace")), guarded)


class running:  # noqa: N801  # reads as a verb
    """A traced process that is asked to end at the end of the block."""

    def __init__(self, command: list[str], guarded: Guarded, place: Path) -> None:
        self._process = subprocess.Popen(
            [*prefix(place / "trace"), *command],
            env=bare_environment(guarded.home), cwd=guarded.work, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(LONGEST_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


def test_a_home_that_cannot_be_written_brings_no_warning(
    guarded: Guarded, albums: Path, read_only_folder: Callable[[Path], Path], tmp_path: Path
) -> None:
    read_only_folder(guarded.home)
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    shutil.copytree(guarded.home / ".cache", tmp_path / "cache")
    run = guarded.run("-m", "lookalike", "search", "p/0.jpg", "-c", "c", "-q", **environment)
    assert (run.code, run.stderr) == (0, "")
    without_cache = guarded.run("-m", "lookalike", "search", "p/0.jpg", "-c", "c", "-q", TMPDIR=str(tmp_path))
    assert (without_cache.code, without_cache.stderr) == (0, "")


def test_no_home_brings_no_warning(guarded: Guarded, albums: Path, tmp_path: Path) -> None:
    environment = bare_environment(guarded.home, LOOKALIKE_CACHE=str(guarded.home / ".cache" / "lookalike"))
    del environment["HOME"]
    run = traced(
        python("-m", "lookalike", "search", "p/0.jpg", "-c", "c", "-q"),
        trace=tmp_path / "trace", environment=environment, cwd=guarded.work,
    )  # fmt: skip
    assert (run.code, run.stderr) == (0, "")
    assert run.lookups + run.connections + run.writes_outside(*guarded.own) == []


def test_the_guard_sees_a_lookup(guarded: Guarded) -> None:
    run = guarded.run("-c", "import socket\ntry: socket.getaddrinfo('name.invalid', 80)\nexcept OSError: pass")
    assert run.lookups


@pytest.mark.parametrize("address", ["('192.0.2.1', 9)", "('2001:db8::1', 9)"])
def test_the_guard_sees_a_connection(guarded: Guarded, address: str) -> None:
    family = "AF_INET6" if ":" in address else "AF_INET"
    send = (
        f"s = socket.socket(socket.{family}, socket.SOCK_DGRAM)\ntry: s.sendto(b'x', {address})\nexcept OSError: pass"
    )
    assert guarded.run("-c", f"import socket\n{send}").connections


@pytest.mark.parametrize(
    "write",
    [
        "open(p, 'w')", "open(p, 'a')", "os.mkdir(p)", "os.symlink('x', p)", "os.rename('x', p)", "os.link('x', p)",
        "os.open(p, os.O_RDWR | os.O_CREAT)", "(os.chdir(os.path.dirname(p)), open(os.path.basename(p), 'w'))",
        "os.open('seen', os.O_CREAT | os.O_WRONLY, dir_fd=os.open(os.path.dirname(p), os.O_RDONLY))",
    ],
)  # fmt: skip
def test_the_guard_sees_a_file(guarded: Guarded, tmp_path: Path, write: str) -> None:
    (guarded.work / "x").touch()
    run = guarded.run("-c", f"import os; p = {str(tmp_path / 'seen')!r}; {write}")
    assert run.code == 0, run.stderr
    assert run.writes_outside(*guarded.own) == [os.path.realpath(tmp_path / "seen")]


def test_the_guard_sees_telemetry_that_is_on(guarded: Guarded) -> None:
    run = guarded.run("-c", IMPORT, **TELEMETRY_ON)
    assert any("deviceid" in path or "onnxruntime.db" in path for path in run.writes_outside(*guarded.own))
    with pytest.raises(AssertionError):
        assert_private(run, guarded)


def test_a_value_that_the_user_gave_stays(guarded: Guarded) -> None:
    show = "import lookalike, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert guarded.run("-c", show, ORT_DISABLE_TELEMETRY="0").stdout == "0\n"
    assert guarded.run("-c", show, ORT_DISABLE_TELEMETRY="").stdout == "1\n"


def doctors_privacy(run: Trace) -> list[tuple[str, str, str]]:
    found = json.loads(run.stdout)["findings"]
    return [(one["status"], one["what"], one["advice"]) for one in found if one["check"] == "privacy"]


def test_the_doctor_says_that_nothing_phones(guarded: Guarded, albums: Path) -> None:
    found = doctors_privacy(guarded.run("-m", "lookalike", "doctor", "-c", "c", "--json"))
    assert [status for status, _, _ in found] == ["ok", "ok"]
    assert "telemetry is off" in found[0][1]


def test_the_doctor_says_what_phones_and_what_is_left_of_it(guarded: Guarded, albums: Path) -> None:
    on = doctors_privacy(guarded.run("-m", "lookalike", "doctor", "-c", "c", "--json", **TELEMETRY_ON))
    left = guarded.home / ".cache" / "Microsoft" / "DeveloperTools" / ".onnxruntime" / "deviceid"
    assert left.is_file()
    assert [status for status, _, _ in on] == ["warning", "ok"]
    assert "telemetry is on" in on[0][1]
    later = doctors_privacy(guarded.run("-m", "lookalike", "doctor", "-c", "c", "--json"))
    assert [status for status, _, _ in later] == ["ok", "ok"]
    assert str(left) in later[1][1]
    assert left.is_file(), "it is told, not deleted"
    subprocess.run(later[1][2].partition("to delete them: ")[2], shell=True, check=True)
    again = doctors_privacy(guarded.run("-m", "lookalike", "doctor", "-c", "c", "--json"))
    assert [status for status, _, _ in again] == ["ok", "ok"]


TOO_EARLY = """
import onnxruntime, os
events = []
onnxruntime.disable_telemetry_events = lambda: events.append("stopped")
import lookalike
from lookalike.core import telemetry
print(events, os.environ["ORT_DISABLE_TELEMETRY"], telemetry.imported_too_early(), telemetry.is_on())
"""


def test_where_the_library_came_first_its_later_events_are_stopped_and_the_doctor_knows(guarded: Guarded) -> None:
    assert guarded.run("-c", TOO_EARLY).stdout == "['stopped'] 1 True True\n"
    assert guarded.run("-c", TOO_EARLY, ORT_DISABLE_TELEMETRY="1").stdout == "[] 1 False False\n"
