"""The databases that ours is compared with; they take vectors in as rows, so their building holds that too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.approximate_search.engine import Floats, Ids, in_blocks, needed


class LanceDb:
    """LanceDB, a graph over 8-bit codes in each part of the vectors; three times as many answers are refined."""

    settings = "IVF_HNSW_SQ with the parts that it chooses, m=20, ef_construction=300, refine_factor=3"
    knob = "ef"
    range = (30, 8192)
    _folder: Path

    def __init__(self) -> None:
        self._lancedb = needed("lancedb")
        self._arrow = needed("pyarrow")

    def build(self, base: Floats, *, threads: int) -> None:
        """Write a table and index it."""
        del threads  # it uses the processors that the process may use
        self._folder = Path(tempfile.mkdtemp(prefix="lancedb-"))
        item = self._arrow.list_(self._arrow.float32(), base.shape[1])
        schema = self._arrow.schema([("id", self._arrow.int64()), ("vector", item)])
        table = self._lancedb.connect(self._folder / "lance").create_table(
            "vectors", self._batches(base, item, schema), schema=schema
        )
        table.create_index("vector", config=needed("lancedb.index").HnswSq(distance_type="dot"))

    def save(self, folder: Path) -> None:
        """A folder."""
        shutil.move(self._folder / "lance", folder / "lance")
        shutil.rmtree(self._folder)

    def load(self, folder: Path, base: Path) -> None:
        """Open the table; LanceDB reads as it needs."""
        del base
        self._table = self._lancedb.connect(folder / "lance").open_table("vectors")

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """One by one."""
        found = np.full((len(queries), k), -1, np.int64)
        for n, query in enumerate(queries):
            search = self._table.search(query).distance_type("dot").ef(int(effort)).nprobes(20).refine_factor(3)
            ids = search.limit(k).select(["id", "_distance"]).to_arrow()["id"].to_numpy()
            found[n, : len(ids)] = ids
        return found

    def _batches(self, base: Floats, item: Any, schema: Any) -> Iterator[Any]:
        for keys, vectors in in_blocks(base):
            rows = self._arrow.FixedSizeListArray.from_arrays(self._arrow.array(vectors.ravel()), type=item)
            yield self._arrow.record_batch([self._arrow.array(keys), rows], schema=schema)


class MilvusLite:
    """milvus-lite through its client, the server being threads of the same process; graphs of up to 100,000 each."""

    settings = "HNSW, M=16, efConstruction=200"
    knob = "ef"
    range = (10, 4096)
    _name = "vectors"
    _folder: Path

    def __init__(self) -> None:
        needed("milvus_lite")
        self._pymilvus = needed("pymilvus")

    def build(self, base: Floats, *, threads: int) -> None:
        """Insert all, flush, index, load."""
        del threads  # it uses the processors that the process may use
        self._folder = Path(tempfile.mkdtemp(prefix="milvus-"))
        client = self._client_of(self._folder / "milvus.db")
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", self._pymilvus.DataType.INT64, is_primary=True)
        schema.add_field("vector", self._pymilvus.DataType.FLOAT_VECTOR, dim=base.shape[1])
        client.create_collection(self._name, schema=schema)
        for keys, vectors in in_blocks(base, rows=10_000):
            client.insert(self._name, [{"id": k, "vector": v} for k, v in zip(keys.tolist(), vectors, strict=True)])
        client.flush(self._name)
        wanted = client.prepare_index_params()
        wanted.add_index("vector", index_type="HNSW", metric_type="IP", params={"M": 16, "efConstruction": 200})
        client.create_index(self._name, wanted)
        client.load_collection(self._name)
        self._client = client

    def save(self, folder: Path) -> None:
        """A folder."""
        self._client.close()
        self._server_manager().release_all()
        shutil.move(self._folder / "milvus.db", folder / "milvus.db")
        shutil.rmtree(self._folder)

    def load(self, folder: Path, base: Path) -> None:
        """Start the server and load the collection."""
        del base
        self._client = self._client_of(folder / "milvus.db")
        self._client.load_collection(self._name)

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """All in one request."""
        found = np.full((len(queries), k), -1, np.int64)
        answers = self._client.search(self._name, list(queries), limit=k, search_params={"params": {"ef": int(effort)}})
        for n, hits in enumerate(answers):
            found[n, : len(hits)] = [hit["id"] for hit in hits]
        return found

    def _client_of(self, path: Path) -> Any:
        # By default the client gives a server up that is silent for seconds, as this one is while it builds.
        return self._pymilvus.MilvusClient(str(path), grpc_options={"grpc.keepalive_time_ms": 2**31 - 1})

    def _server_manager(self) -> Any:
        return needed("milvus_lite.server_manager").server_manager_instance
