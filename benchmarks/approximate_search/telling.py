"""The lines of the result."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.approximate_search.building import PEERS, PROCESSORS, Built
from benchmarks.approximate_search.contest import RECALLS, Entrant
from benchmarks.harness import Bench
from benchmarks.rows import could_not_run, measured, median, quartiles

LARGEST = 2_000_000
_BUILD_TARGETS = {"usearch": ">= 8x", "hnswlib": ">= 8x"}
_SEARCH_TARGETS = {"usearch": ">= 2.5x", "usearch, rescored": ">= 2.5x"}


def tell_building(bench: Bench, count: int, own: Built, peers: Mapping[str, Built]) -> None:
    """How long building took; peers are given their best time."""
    name = f"build, {count:,} vectors"
    large = count == LARGEST
    wall_s = own.building.wall_s
    bench.add(measured(name, wall_s, "s", target="<= 100 s" if large else None, note=_note(own)))
    for peer, built in peers.items():
        if PEERS[peer].built_by != peer:
            continue
        bench.add(
            measured(
                name,
                wall_s,
                "s",
                peer=peer,
                peer_value=built.best_s,
                ratio=built.best_s / wall_s,
                target=_BUILD_TARGETS.get(peer) if large else None,
                note=f"{peer} {built.version}: {PEERS[peer].engine.settings}; built on {built.date}: {_note(built)}; "
                f"the peer's is its processor time shared by {PROCESSORS}, ours the seconds on the wall",
            )
        )


def tell_searching(bench: Bench, count: int, own: Entrant, peers: list[Entrant]) -> None:
    """How long single queries take at each recall."""
    for wanted in RECALLS:
        _tell_own(bench, count, own, wanted)
        for peer in peers:
            name = f"one query at recall {wanted}, {count:,} vectors"
            if wanted in peer.missed:
                tuned = peer.missed[wanted]
                why = f"reaches {tuned.recall:.4f} at most, with {peer.engine.knob} {tuned.effort}"
                bench.add(could_not_run(f"{name}, against {peer.name}", why))
            else:
                _compare(bench, name, own, peer, wanted, target=count == LARGEST)


def tell_memory(bench: Bench, count: int, own: Entrant, built: Built, peers: list[Entrant]) -> None:
    """What the index takes in memory and on disk, after all queries."""
    name, size = f"memory per vector, {count:,} vectors", _bytes_each(own, count)
    target = "<= 400 bytes"
    bench.add(measured(name, size, "bytes", target=target, note=_parts(own)))
    bench.add(measured(f"files per vector, {count:,} vectors", built.size_bytes / count, "bytes"))
    if own.after is not None:
        note = "the whole process, with Python and its libraries"
        bench.add(measured(f"resident memory, {count:,} vectors", own.after.resident, "MB", note=note))
    for peer in peers:
        theirs = _bytes_each(peer, count)
        ratio = theirs / size
        note = f"{peer.name}: {_parts(peer)}"
        bench.add(measured(name, size, "bytes", peer=peer.name, peer_value=theirs, ratio=ratio, note=note))


def _tell_own(bench: Bench, count: int, own: Entrant, wanted: float) -> None:
    strict = count == LARGEST and wanted == max(RECALLS)
    name = f"one query at recall {wanted}, {count:,} vectors"
    p50s = [one.p50 for one in own.rounds[wanted]]
    p50, p95 = own.percentile(wanted, 50), own.percentile(wanted, 95)
    note = "on one thread; the middle of all, and between the quartiles of the rounds' middles"
    bench.add(
        measured(name, p50, "ms", spread=quartiles(p50s), target="<= 0.8 ms" if strict else None, note=note),
        measured(f"{name}, 95th percentile", p95, "ms", target="<= 1.5 ms" if strict else None),
        measured(
            f"recall@10 where {wanted} is wanted, {count:,} vectors", own.recall(wanted), "", target=f">= {wanted}"
        ),
    )


def _compare(bench: Bench, name: str, own: Entrant, peer: Entrant, wanted: float, *, target: bool) -> None:
    pairs = zip(own.rounds[wanted], peer.rounds[wanted], strict=True)
    ratios = [theirs.p50 / mine.p50 for mine, theirs in pairs]
    asked = sum(len(one.ms) for one in peer.rounds[wanted])
    bench.add(
        measured(
            name,
            own.percentile(wanted, 50),
            "ms",
            spread=quartiles(ratios),
            peer=peer.name,
            peer_value=peer.percentile(wanted, 50),
            ratio=median(ratios),
            target=_SEARCH_TARGETS.get(peer.name) if target else None,
            note=f"{peer.name}: {peer.engine.settings}; {peer.engine.knob} {peer.efforts[wanted]}; recall@10 "
            f"{own.recall(wanted):.4f}, the peer's {peer.recall(wanted):.4f}; 95th percentile "
            f"{own.percentile(wanted, 95):.3g} ms, the peer's {peer.percentile(wanted, 95):.3g} ms; {asked:,} queries",
        )
    )


def _note(built: Built) -> str:
    took = built.building
    grown = took.after.anonymous - took.before.anonymous
    return (
        f"{took.wall_s:,.0f} s on the wall, {took.cpu_s:,.0f} s of processor time, {took.peak_mb:,.0f} MB at most, "
        f"{grown:,.0f} MB more afterwards without what files back; load {took.load:.1f} before, "
        f"8 MiB hashed in {took.clock_ms:.1f} ms"
    )


def _bytes_each(entrant: Entrant, count: int) -> float:
    after = entrant.after or entrant.loading.after
    return (after.resident - entrant.loading.before.resident) * 1e6 / count


def _parts(entrant: Entrant) -> str:
    before, after = entrant.loading.before, entrant.after or entrant.loading.after
    anonymous = after.anonymous - before.anonymous
    backed = after.resident - before.resident - anonymous
    return (
        "what the process has grown by after loading and all queries: "
        f"{anonymous:,.0f} MB, and {backed:,.0f} MB of mapped files; loaded in {entrant.loading.seconds:.2g} s"
    )
