"""Whether anything takes longer than it did in an earlier version. About ten minutes.

Both versions run in turns of a second or so, the one that begins changing from turn to turn, each on a collection that
it has made itself of the same photos.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.command import FILES
from benchmarks.earlier_version.trees import Took, Tree, tree_of, tree_of_today
from benchmarks.harness import Bench, evenly
from benchmarks.photos import all_photos, distinct_copies
from benchmarks.rows import measured, median, quartiles

BEFORE = "4ab9ab3"  # the last commit of the house with one writer
QUESTION = f"Does anything take longer than in an earlier version, that of commit {BEFORE}?"
NOT_WORSE, HARDLY_WORSE = ">= 1x", ">= 0.95x"
STARTS = 25
ROUNDS = 11
PROCESSES = 9
INDEXED = 400
PHOTOS = 40

Run = Callable[[Tree, Path], Took]


def measure(bench: Bench) -> None:
    trees = {"today": tree_of_today(), "before": tree_of(BEFORE, bench.folder("earlier"))}
    photos = all_photos(bench)
    folder = bench.folder("photos")
    count = distinct_copies(bench, folder, FILES)
    few = bench.folder("few")
    for n, photo in enumerate(evenly(photos, bench.size(INDEXED))):
        shutil.copyfile(photo, few / f"{n:03d}{photo.suffix}")
    collections = {name: bench.own / f"{name}.lookalike" for name in trees}
    for name, tree in trees.items():
        bench.say(f"{name}: making a collection of {count:,} photos")
        tree.run("index", folder, "-c", collections[name])
    asked = iter(evenly(photos, STARTS) * 4)

    def indexed(tree: Tree, collection: Path) -> Took:
        new = collection.with_name("new.lookalike")
        took, _ = tree.run("index", few, "-c", new)
        shutil.rmtree(new)
        return took

    commands: list[tuple[str, Run, int, str]] = [
        (f"search among {count:,}", lambda tree, at: tree.run("search", next(asked), "-c", at)[0], STARTS, NOT_WORSE),
        (
            f"second index of {count:,} files",
            lambda tree, at: tree.run("index", folder, "-c", at)[0],
            ROUNDS,
            NOT_WORSE,
        ),
        (f"index of {len(list(few.iterdir())):,} files", indexed, ROUNDS, NOT_WORSE),
        ("info", lambda tree, at: tree.run("info", "-c", at)[0], ROUNDS, HARDLY_WORSE),
        (f"duplicates among {count:,}", lambda tree, at: tree.run("duplicates", "-c", at)[0], 3, HARDLY_WORSE),
    ]
    for what, run, rounds, target in commands:
        _compare_commands(bench, trees, collections, what=what, run=run, rounds=rounds, target=target)
    _compare_in_process(bench, trees, collections, evenly(photos, bench.size(PHOTOS)))


def _compare_commands(
    bench: Bench,
    trees: dict[str, Tree],
    collections: dict[str, Path],
    *,
    what: str,
    run: Run,
    rounds: int,
    target: str,
) -> None:
    took: dict[str, list[Took]] = defaultdict(list)
    for name, tree in trees.items():  # once for the caches, which nobody counts
        run(tree, collections[name])
    for turn in range(bench.size(rounds)):
        bench.tick()
        for name in _in_turn(turn):
            took[name].append(run(trees[name], collections[name]))
    for part, of in (("", lambda one: one.whole), (", processor time", lambda one: one.processor)):
        _tell(bench, f"{what}{part}", "s", [*map(of, took["today"])], [*map(of, took["before"])], target=target)


def _compare_in_process(bench: Bench, trees: dict[str, Tree], collections: dict[str, Path], photos: list[Path]) -> None:
    program = Path(__file__).with_name("in_process.py")
    took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(bench.size(PROCESSES)):
        bench.tick()
        for name in _in_turn(turn):
            copy = collections[name].with_name("copy.lookalike")  # what is added is in no collection afterwards
            shutil.copytree(collections[name], copy)
            for what, ms in json.loads(trees[name].run_program(program, copy, *photos)).items():
                took[what][name].append(ms)
            shutil.rmtree(copy)
    for what, by_version in took.items():
        _tell(
            bench, f"{what}, in an open process", "ms", by_version["today"], by_version["before"], target=HARDLY_WORSE
        )


def _in_turn(turn: int) -> tuple[str, str]:
    return ("today", "before") if turn % 2 else ("before", "today")


def _tell(bench: Bench, what: str, unit: str, today: list[float], before: list[float], *, target: str) -> None:
    ratios = [earlier / now for now, earlier in zip(today, before, strict=True)]
    bench.add(
        measured(
            what,
            median(today),
            unit,
            spread=quartiles(ratios),
            peer="the earlier version",
            peer_value=median(before),
            ratio=median(ratios),
            target=target,
        )
    )
