"""Building and searching millions of vectors approximately, against tuned peers.

Half an hour where the indexes of peers are kept from before; else another for building them.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.approximate_search.building import PEERS, Built, base_path, build_engine, build_peer, kept
from benchmarks.approximate_search.contest import RECALLS, compete, enter, tune_peer
from benchmarks.approximate_search.ours import Ours
from benchmarks.approximate_search.telling import tell_building, tell_memory, tell_searching
from benchmarks.approximate_search.truth import truth_of
from benchmarks.harness import Bench, CannotRun
from benchmarks.rows import could_not_run
from benchmarks.vectors import searched

QUESTION = (
    "At the same recall@10, how fast are building and single queries, and how much memory do they take? The vectors "
    "are hard on purpose: those of photos, and many more grown between neighbours with noise of 0.7 of the way. Peers "
    "are tuned on other queries to just reach the recall; ours is only told which recall is wanted."
)
_GRAPHS = ("usearch", "usearch, rescored", "hnswlib")
SIZES = {500_000: tuple(PEERS), 1_000_000: (), 2_000_000: _GRAPHS}
"""Who is built and measured with how many vectors; others are measured too where their index is kept."""


def measure(bench: Bench) -> None:
    sizes = SIZES if bench.sample is None else {bench.sample: tuple(PEERS)}
    for count, names in sizes.items():
        bench.say(f"{count:,} vectors")
        _measure(bench, count, names)


def _measure(bench: Bench, count: int, names: tuple[str, ...]) -> None:
    truth = truth_of(searched(count))
    own = build_engine("ours", Ours, count, bench.folder(f"ours-{count}"), package="lookalike")
    peers = _peers(bench, count, names)
    tell_building(bench, count, own, peers)
    with ExitStack() as stack:
        us = enter("ours", Ours, own.folder, base_path(count))
        stack.callback(us.remote.close)
        us.efforts = {wanted: wanted for wanted in RECALLS}
        entrants = []
        for name, built in peers.items():
            try:
                peer = enter(name, PEERS[name].engine, built.folder, base_path(count))
                stack.callback(peer.remote.close)
                bench.say(f"tuning {name}")
                tune_peer(peer, truth)
            except CannotRun as missing:
                bench.add(could_not_run(_against(name, count), str(missing)))
            else:
                entrants.append(peer)
        compete(bench, [us, *entrants], truth)
        tell_searching(bench, count, us, entrants)
        tell_memory(bench, count, us, own, entrants)


def _peers(bench: Bench, count: int, names: tuple[str, ...]) -> dict[str, Built]:
    peers = {}
    for name in PEERS:
        built = kept(name, count)
        if built is None and name not in names:
            if names:  # else the size is measured for our own table
                command = f"python -m benchmarks.approximate_search.building {count} {PEERS[name].built_by!r}"
                why = f"left out, for building takes long; measured once its index is kept: {command}"
                bench.add(could_not_run(_against(name, count), why))
            continue
        try:
            if built is None:
                bench.say(f"building {name}")
                built = build_peer(name, count)
            peers[name] = built
        except CannotRun as missing:
            bench.add(could_not_run(_against(name, count), str(missing)))
    return peers


def _against(name: str, count: int) -> str:
    return f"{count:,} vectors, against {name}"
