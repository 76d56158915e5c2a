"""Build the indexes of peers, once: `python -m benchmarks.approximate_search.building 2000000 usearch hnswlib`.

They are kept beside the vectors with what their building took, so that the question can be asked again without building
again. `--rebuild` builds anew, as a machine that is quiet at last may deserve.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.approximate_search.databases import LanceDb, MilvusLite
from benchmarks.approximate_search.engine import Engine
from benchmarks.approximate_search.peers import Annoy, FaissHnsw, Hnswlib, Usearch, UsearchRescored
from benchmarks.approximate_search.processes import Building, Memory, Remote
from benchmarks.harness import CannotRun
from benchmarks.vectors import cache, searched

PROCESSORS = 2


@dataclass(frozen=True, slots=True)
class Peer:
    """One that ours is compared with.

    Attributes:
        engine: how it works.
        package: of which the version is told.
        built_by: the name of the peer whose index this is too.
    """

    engine: type[Engine]
    package: str
    built_by: str


PEERS = {
    "usearch": Peer(Usearch, "usearch", "usearch"),
    "usearch, rescored": Peer(UsearchRescored, "usearch", "usearch"),
    "hnswlib": Peer(Hnswlib, "hnswlib", "hnswlib"),
    "FAISS HNSW": Peer(FaissHnsw, "faiss-cpu", "FAISS HNSW"),
    "Annoy": Peer(Annoy, "annoy", "Annoy"),
    "LanceDB": Peer(LanceDb, "lancedb", "LanceDB"),
    "milvus-lite": Peer(MilvusLite, "milvus-lite", "milvus-lite"),
}


@dataclass(frozen=True, slots=True)
class Built:
    """An index on disk.

    Attributes:
        folder: where it lies.
        building: what building took.
        size_bytes: of its files.
        version: of the package.
        date: when it was built.
    """

    folder: Path
    building: Building
    size_bytes: int
    version: str
    date: str

    @property
    def best_s(self) -> float:
        """Seconds on processors that nobody else uses, at best: neither other work counts, nor idling."""
        return min(self.building.wall_s, self.building.cpu_s / PROCESSORS)


def base_path(count: int) -> Path:
    """The file of the vectors, which is made where it is missing."""
    searched(count)
    return cache() / f"searched-{count}.npy"


def kept(name: str, count: int) -> Built | None:
    """An index that was built before."""
    record = _folder(name, count) / "built.json"
    if not record.exists():
        return None
    told = json.loads(record.read_text("utf-8"))
    before, after = Memory(*told["building"].pop("before")), Memory(*told["building"].pop("after"))
    building = Building(**told.pop("building"), before=before, after=after)
    return Built(folder=record.parent, building=building, **told)


def build_peer(name: str, count: int) -> Built:
    """Build an index in a process of its own and keep it, in place of one that was kept before.

    Raises:
        CannotRun: when the peer is not installed, or fails.
    """
    peer, folder = PEERS[name], _folder(name, count)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    built = build_engine(name, peer.engine, count, part, package=peer.package)
    told = {**asdict(built), "building": built.building._asdict()}
    del told["folder"]
    (part / "built.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return replace(built, folder=folder)


def build_engine(name: str, engine: type[Engine], count: int, folder: Path, *, package: str) -> Built:
    """Build on two processors, in a process of its own, into a folder that is there and empty.

    Raises:
        CannotRun: when that fails.
    """
    worker = Remote(name, engine, processors=PROCESSORS)
    try:
        building = worker.ask("build", base_path(count), folder)
    finally:
        worker.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Built(folder, building, size, metadata.version(package), datetime.now(UTC).date().isoformat())


def _folder(name: str, count: int) -> Path:
    return cache() / "peers" / str(count) / PEERS[name].built_by.lower().replace(" ", "-")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.approximate_search.building", description=__doc__)
    parser.add_argument("count", type=int, help="how many vectors")
    names = [name for name, peer in PEERS.items() if peer.built_by == name]
    parser.add_argument("peers", nargs="+", choices=names, metavar="PEER", help=", ".join(names))
    parser.add_argument("--rebuild", action="store_true", help="also those that are kept")
    asked = parser.parse_args(arguments)
    failed = 0
    for name in asked.peers:
        try:
            built = (None if asked.rebuild else kept(name, asked.count)) or build_peer(name, asked.count)
        except CannotRun as missing:
            print(f"{name}: {missing}", flush=True)
            failed += 1
        else:
            took = built.building
            print(f"{name}, {asked.count:,}: {took}, {built.size_bytes / 1e6:,.0f} MB of files", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
