"""How fast a folder is indexed, against its own parts and against what else embeds pictures. About five minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import lookalike
from benchmarks.harness import Bench, CannotRun, evenly, timed
from benchmarks.indexing_speed.paused import PausedIndex
from benchmarks.indexing_speed.peers import Fastembed, UsualScript, write_plain_model
from benchmarks.indexing_speed.stages import decode_only, default_embedder, model_only, stage_ms
from benchmarks.photos import all_photos, large_photos
from benchmarks.rows import could_not_run, measured, median, quartiles

QUESTION = "How fast are folders of photos indexed, end to end on two threads?"
THREADS = 2
ROUNDS = 8
FOR_SLOW_PEERS = 160
FOR_STAGES = 64
LARGE = 40
LARGE_ROUNDS = 5
LARGE_FOR_PEERS = 12

Peer = Callable[[Sequence[Path]], float]
"""Gives the seconds that it took for these photos."""


def measure(bench: Bench) -> None:
    peers = _peers(bench)
    _ordinary(bench, peers)
    _large(bench, peers)


def _peers(bench: Bench) -> dict[str, Peer]:
    model = write_plain_model(bench.folder("plain"))
    script = UsualScript(model)
    peers: dict[str, Peer] = {"the usual script": lambda paths: timed(lambda: script.embed(paths))[0]}
    try:
        fastembed = Fastembed(model)
    except CannotRun as missing:
        bench.add(could_not_run("index against fastembed", str(missing), target=">= 2.5x"))
        return peers
    peers["fastembed"] = lambda paths: timed(lambda: fastembed.embed(paths))[0]
    peers["fastembed, two processes"] = lambda paths: fastembed.seconds_in_processes(paths, processes=THREADS)
    return peers


def _ordinary(bench: Bench, peers: dict[str, Peer]) -> None:
    photos = all_photos(bench)
    for path in photos:
        path.read_bytes()  # nobody waits for the disk
    embedder = default_embedder()
    rates: dict[str, list[float]] = defaultdict(list)  # photos a second, round by round
    stages: dict[str, list[float]] = defaultdict(list)  # milliseconds for a photo, round by round

    def others(segment: Sequence[Path]) -> None:
        bench.tick()
        rates["decode only"].append(len(segment) / decode_only(segment, threads=THREADS))
        rates["model only"].append(len(segment) / model_only(embedder, segment, threads=THREADS))
        for name, seconds in peers.items():
            some = evenly(segment, FOR_SLOW_PEERS)
            rates[name].append(len(some) / seconds(some))
        for name, ms in stage_ms(embedder, evenly(segment, FOR_STAGES)).items():
            stages[name].append(ms)

    index = PausedIndex(photos, ROUNDS, others)
    report = index.run(bench.own / "photos.lookalike", threads=THREADS)
    if report.read != len(photos):
        raise RuntimeError(f"expected {len(photos)} photos to be taken in, got {report}")
    # Learning the projection and saving the index come after the last round; each round bears its share.
    rate = len(photos) / index.total_seconds
    share = rate / (sum(index.counts) / sum(index.seconds))
    own = [share * count / seconds for count, seconds in zip(index.counts, index.seconds, strict=True)]
    _compare_with_parts(bench, rate, own, rates)
    for name in peers:
        _compare(bench, "index", rate, own, rates[name], peer=name, target=">= 2.5x")
    _tell_stages(bench, stages, whole_ms=[1000 * THREADS / mine for mine in own])


def _compare_with_parts(bench: Bench, rate: float, own: list[float], rates: dict[str, list[float]]) -> None:
    bench.add(measured("index", rate, "photos/s", spread=quartiles(own), target=">= 300 photos/s"))
    slower = min(("decode only", "model only"), key=lambda name: median(rates[name]))
    for name in ("decode only", "model only"):
        target = ">= 0.9x" if name == slower else None
        _compare(bench, "index", rate, own, rates[name], peer=name, target=target)
    bound = [1 / (1 / d + 1 / m) for d, m in zip(rates["decode only"], rates["model only"], strict=True)]
    _compare(bench, "index", rate, own, bound, peer="decode and model one after the other, and nothing else")


def _compare(
    bench: Bench,
    name: str,
    rate: float,
    own: list[float],
    others: list[float],
    *,
    peer: str,
    target: str | None = None,
) -> None:
    ratios = [mine / other for mine, other in zip(own, others, strict=True)]
    bench.add(
        measured(
            name,
            rate,
            "photos/s",
            spread=quartiles(ratios),
            peer=peer,
            peer_value=median(others),
            ratio=median(ratios),
            target=target,
        )
    )


def _tell_stages(bench: Bench, stages: dict[str, list[float]], *, whole_ms: list[float]) -> None:
    for name, ms in stages.items():
        bench.add(measured(f"stage: {name}", median(ms), "ms", spread=quartiles(ms), note="of one thread, for a photo"))
    rest = [whole - sum(parts) for whole, *parts in zip(whole_ms, *stages.values(), strict=True)]
    note = "what is left of the threads' time in the same round: catalog, projection, snapshot, opening, waiting"
    bench.add(measured("stage: the rest", median(rest), "ms", spread=quartiles(rest), note=note))


def _large(bench: Bench, peers: dict[str, Peer]) -> None:
    photos = large_photos(bench, LARGE)
    for path in photos:
        path.read_bytes()
    own: list[float] = []
    rates: dict[str, list[float]] = defaultdict(list)
    with lookalike.open(bench.own / "large.lookalike", threads=THREADS) as collection:
        collection.embed(photos[0])  # brings the model in, as in a long run
        for _ in range(LARGE_ROUNDS):
            bench.tick()
            seconds, report = timed(lambda: collection.index(*photos))
            own.append(report.added / seconds)
            collection.remove(*photos)
            for name, seconds_of in peers.items():
                some = photos if "processes" in name else photos[:LARGE_FOR_PEERS]
                rates[name].append(len(some) / seconds_of(some))
    size_mb = median([path.stat().st_size / 1e6 for path in photos])
    bench.add(
        measured(
            "index, 12 megapixels",
            median(own),
            "photos/s",
            spread=quartiles(own),
            note=f"photos enlarged to 4000 x 3000, baseline JPEG of {size_mb:.1f} MB, the model loaded already",
        )
    )
    for name, others in rates.items():
        _compare(bench, "index, 12 megapixels", median(own), own, others, peer=name, target=">= 15x")
