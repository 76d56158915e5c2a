"""How many searches a service answers, beside others and by whom the vector was computed. Ten minutes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from PIL import Image

import lookalike
from benchmarks.collections import fill
from benchmarks.harness import Bench, evenly
from benchmarks.indexing_speed.peers import write_plain_model
from benchmarks.photos import all_photos
from benchmarks.ports import free_port
from benchmarks.rows import Row, measured, median, quartiles
from benchmarks.service_load.frames import stream
from benchmarks.service_load.load import Answered, Asked, load
from benchmarks.service_load.servers import Server, fastembed, flask, ours, server
from benchmarks.vectors import grown_raw
from lookalike.core.vectors import Vectors, normalise

QUESTION = "How many searches does a service answer on two cores, and how soon?"
PICTURES, VECTORS_ASKED = 100_000, 400
SECONDS, ROUNDS, WORKERS = 8.0, 3, 2
PHOTOS, TWO_MEGAPIXELS, FRAME = 40, (1632, 1224), (640, 480)
NAME = "photos"
SEARCH = f"/v1/collections/{NAME}/search"


def measure(bench: Bench) -> None:
    vectors = grown_raw(bench.size(PICTURES))
    collection = bench.own / f"{NAME}.lookalike"
    with lookalike.open(collection) as photos:
        fill(photos, vectors, numbered=False)
        photos.rebuild()
        model = photos.info().model
    base = bench.own / "vectors.npy"
    np.save(base, vectors.astype(np.float32))
    base.with_suffix(".json").write_text(
        json.dumps([{"path": f"/photos/{n}.jpg", "id": f"{n:064d}"} for n in range(1000)])
    )
    queries = _queries(vectors)
    with _ours(bench, collection) as service:
        _by_vector(bench, service, collection, base, queries, model)
        _by_photo(bench, service, base)
        _frames(bench, service)
        _work(bench, service, queries, model)
        _memory(bench, service)


def _ours(bench: Bench, collection: Path) -> AbstractContextManager[Server]:
    port = free_port()
    return server(ours(collection, port=port, folder=bench.own, workers=WORKERS), port=port, folder=bench.own)


def _by_vector(bench: Bench, service: Server, collection: Path, base: Path, queries: Vectors, model: str) -> None:
    """16 clients that compute vectors themselves."""
    numbers, packed = _as_numbers(queries, model), _as_base64(queries, model)
    peers = {
        "the same search behind Flask, gunicorn and gevent": ("lookalike", collection, ">= 4x"),
        "FAISS Flat behind Flask, gunicorn and gevent": ("faiss", base, None),
    }
    for name, (kind, place, target) in peers.items():
        port = free_port()
        command, environment = flask(place, port=port, kind=kind, workers=WORKERS)
        with server(command, port=port, folder=bench.own, environment=environment) as peer:
            mine, others = _in_turns(bench, _asked(service, SEARCH, numbers), _asked(peer, "/search", numbers))
        row = _compared("searches by vector, 16 clients", mine, others, peer=name, target=target)
        bench.add(row)
    bench.add(*_soon(service, "search by vector as numbers, 16 clients", numbers))
    bench.add(*_soon(service, "search by vector as base64, 16 clients", packed))


def _soon(service: Server, name: str, bodies: Sequence[bytes]) -> list[Row]:
    """How soon answers come when clients ask as fast as they can, and at half of that."""
    full = [load(_asked(service, SEARCH, bodies)) for _ in range(ROUNDS)]
    rate = median([one.per_second for one in full]) / 2
    half = [load(_asked(service, SEARCH, bodies, rate=rate)) for _ in range(ROUNDS)]
    return [
        _p99(f"{name}, p99", full, target="<= 25 ms"),
        _p99(f"{name}, half load, p99", half, target="<= 25 ms"),
    ]


def _p99(name: str, answers: Sequence[Answered], *, target: str) -> Row:
    values = [one.percentile(99) for one in answers]
    rate, middle = median([one.per_second for one in answers]), median([one.percentile(50) for one in answers])
    note = f"{rate:.0f} searches/s, p50 {middle:.1f} ms"
    return measured(name, median(values), "ms", spread=quartiles(values), target=target, note=note)


def _compared(name: str, mine: Sequence[Answered], others: Sequence[Answered], *, peer: str, target: str | None) -> Row:
    ratios = [one.per_second / other.per_second for one, other in zip(mine, others, strict=True)]
    failed = sum(one.failed for one in mine), sum(one.failed for one in others)
    late = median([one.percentile(99) for one in others])
    return measured(
        name,
        median([one.per_second for one in mine]),
        "searches/s",
        spread=quartiles(ratios),
        peer=peer,
        peer_value=median([one.per_second for one in others]),
        ratio=median(ratios),
        target=target,
        note=f"{PICTURES:,} pictures, {WORKERS} processes each, nothing asked twice; "
        f"failed: {failed[0]} and {failed[1]}; p99 of the peer {late:.0f} ms",
    )


def _as_numbers(queries: Vectors, model: str) -> list[bytes]:
    rest = [json.dumps([round(value, 6) for value in row[1:].tolist()])[1:] for row in queries]
    return [f'{{"model": "{model}", "vector": [0.0@@@@, {numbers}}}'.encode() for numbers in rest]


def _as_base64(queries: Vectors, model: str) -> list[bytes]:
    texts = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in queries]
    return [f'{{"model": "{model}", "vector": "@@@@{text[4:]}"}}'.encode() for text in texts]


def _by_photo(bench: Bench, service: Server, base: Path) -> None:
    """8 clients that send photos of two megapixels."""
    photos = _photos(bench, TWO_MEGAPIXELS)
    content_type, forms = _forms(photos)
    folder = bench.folder("plain-model")
    port = free_port()
    command, environment = fastembed(base, write_plain_model(folder), port=port, workers=WORKERS)
    with server(command, port=port, folder=bench.own, environment=environment) as peer:
        mine, others = _in_turns(
            bench,
            _asked(service, SEARCH, forms, connections=8, content_type=content_type),
            _asked(peer, "/search", forms, connections=8, content_type=content_type),
        )
    best = median([one.per_second for one in mine])
    peer_name = "a FastAPI endpoint around fastembed, FAISS Flat, one thread a process"
    bench.add(_compared("searches by photo of 2 megapixels, 8 clients", mine, others, peer=peer_name, target=">= 3x"))
    halves = [
        load(_asked(service, SEARCH, forms, connections=8, content_type=content_type, rate=best / 2))
        for _ in range(ROUNDS)
    ]
    bench.add(_p99("search by photo of 2 megapixels, 8 clients, half load, p99", halves, target="<= 150 ms"))


def _frames(bench: Bench, service: Server) -> None:
    latencies, lost = stream(service.port, f"/v1/collections/{NAME}/stream", _photos(bench, FRAME), rate=10, seconds=30)
    bench.add(
        measured(
            "frame to hits over a WebSocket, 10 frames/s, p95",
            float(np.percentile(latencies, 95)),
            "ms",
            spread=quartiles(latencies),
            target="<= 80 ms",
            note=f"JPEGs of 640 x 480; p50 {median(latencies):.0f} ms; {lost} not answered",
        )
    )


def _work(bench: Bench, service: Server, queries: Vectors, model: str) -> None:
    """Processor time of the server for a search, by who computed the vector."""
    packed = _as_base64(queries, model)
    content_type, forms = _forms(_photos(bench, TWO_MEGAPIXELS))
    client, sides = [], []
    for _ in range(ROUNDS):
        bench.tick()
        client.append(_cpu_ms(service, _asked(service, SEARCH, packed, connections=2)))
        sides.append(_cpu_ms(service, _asked(service, SEARCH, forms, connections=2, content_type=content_type)))
    ratios = [theirs / ours_ for ours_, theirs in zip(client, sides, strict=True)]
    bench.add(
        measured(
            "the server's processor time for a search, vector computed by the client",
            median(client),
            "ms",
            spread=quartiles(ratios),
            peer="vector computed by the server from a photo of 2 megapixels",
            peer_value=median(sides),
            ratio=median(ratios),
            target=">= 20x",
        )
    )


def _cpu_ms(service: Server, asked: Asked) -> float:
    before = service.cpu_s()
    answered = load(asked)
    return (service.cpu_s() - before) * 1000 / max(1, round(answered.per_second * asked.seconds))


def _memory(bench: Bench, service: Server) -> None:
    sizes = service.memory_mb()
    bench.add(
        measured(
            "resident memory of a worker after all of this",
            max(sizes),
            "MB",
            target="<= 500 MB",
            note=f"{PICTURES:,} pictures; each: {', '.join(f'{size:.0f}' for size in sizes)}",
        )
    )


def _in_turns(bench: Bench, mine: Asked, others: Asked) -> tuple[list[Answered], list[Answered]]:
    found: tuple[list[Answered], list[Answered]] = [], []
    for _ in range(ROUNDS):
        bench.tick()
        found[0].append(load(mine))
        found[1].append(load(others))
    return found


def _asked(
    server_: Server,
    path: str,
    bodies: Sequence[bytes],
    *,
    connections: int = 16,
    content_type: str = "application/json",
    rate: float | None = None,
) -> Asked:
    return Asked(
        port=server_.port,
        path=path,
        content_type=content_type,
        bodies=bodies,
        connections=connections,
        seconds=SECONDS,
        rate=rate,
    )


def _queries(vectors: Vectors) -> Vectors:
    """Near to real pictures, and to none exactly."""
    rng = np.random.default_rng(3)
    rows = vectors[rng.integers(0, len(vectors), VECTORS_ASKED)]
    return normalise(rows + rng.normal(scale=0.2 / np.sqrt(rows.shape[1]), size=rows.shape).astype(np.float32))


def _photos(bench: Bench, size: tuple[int, int]) -> list[bytes]:
    made = []
    for path in evenly(all_photos(bench), PHOTOS):
        with Image.open(path) as image:
            enlarged = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        target = io.BytesIO()
        enlarged.save(target, "JPEG", quality=85)
        made.append(target.getvalue())
    return made


def _forms(photos: Sequence[bytes]) -> tuple[str, list[bytes]]:
    """As a browser sends them; the recall that is asked for makes each another question."""
    mark, kind = "----------------lookalike", "Content-Disposition: form-data"
    query = f'--{mark}\r\n{kind}; name="query"\r\n\r\n{{"recall": 0.9@@@@}}\r\n'
    head = f'{query}--{mark}\r\n{kind}; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
    return f"multipart/form-data; boundary={mark}", [head + one + f"\r\n--{mark}--\r\n".encode() for one in photos]
