"""Engines side by side: each in its process, all asked the same queries in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.approximate_search.engine import Engine
from benchmarks.approximate_search.processes import Answers, Loading, Memory, Remote
from benchmarks.approximate_search.truth import EVALUATED, TUNED_ON, K, Truth
from benchmarks.approximate_search.tuning import Tuned, tune
from benchmarks.harness import Bench

RECALLS = (0.95, 0.99)
ROUNDS = 10
PER_ROUND = 200
_LIMIT_S = 5.0


class Round(NamedTuple):
    """Single queries of one round.

    Attributes:
        recall: of these.
        ms: milliseconds of each; fewer than were asked where an engine is slow.
    """

    recall: float
    ms: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    @property
    def p50(self) -> float:
        """The middle, in milliseconds."""
        return float(np.median(self.ms))


@dataclass
class Entrant:
    """An engine in the contest, loaded and waiting.

    Attributes:
        efforts: the value of its knob by the recall that is wanted.
        missed: by the recall that it does not reach, the best that it does.
        rounds: what was measured, by the recall that was wanted.
        after: its memory after all rounds.
    """

    name: str
    engine: type[Engine]
    remote: Remote
    loading: Loading
    efforts: dict[float, float] = field(default_factory=dict)
    missed: dict[float, Tuned] = field(default_factory=dict)
    rounds: dict[float, list[Round]] = field(default_factory=dict)
    after: Memory | None = None

    def recall(self, wanted: float) -> float:
        """What it reached, over all that it was asked."""
        answered = [len(one.ms) for one in self.rounds[wanted]]
        return float(np.average([one.recall for one in self.rounds[wanted]], weights=answered))

    def percentile(self, wanted: float, percent: float) -> float:
        """Milliseconds of a query, over all rounds."""
        return float(np.percentile(np.concatenate([one.ms for one in self.rounds[wanted]]), percent))


def enter(name: str, engine: type[Engine], folder: Path, base: Path) -> Entrant:
    """Load an index in a process with one processor.

    Raises:
        CannotRun: when it fails there.
    """
    remote = Remote(name, engine, processors=1)
    return Entrant(name, engine, remote, remote.ask("load", folder, base))


def tune_peer(peer: Entrant, truth: Truth) -> None:
    """Find the least efforts of a peer, on queries that it is not evaluated on.

    Raises:
        CannotRun: when it fails.
    """
    lowest, highest = peer.engine.range
    part = truth.part(EVALUATED, TUNED_ON)
    recalls: dict[int, float] = {}

    def recall_of(effort: int) -> float:
        if effort not in recalls:
            recalls[effort] = part.recall(peer.remote.ask("all", part.queries, K, effort))
        return recalls[effort]

    for wanted in RECALLS:
        tuned = tune(recall_of, wanted, lowest=lowest, highest=highest)
        if tuned.reached:
            peer.efforts[wanted] = tuned.effort
        else:
            peer.missed[wanted] = tuned


def compete(bench: Bench, entrants: list[Entrant], truth: Truth) -> None:
    """All rounds: whoever began the last round ends the next one.

    Raises:
        CannotRun: when one of them fails.
    """
    for n in range(ROUNDS):
        bench.tick()
        part = truth.part(n * PER_ROUND % EVALUATED, PER_ROUND)
        first = n % len(entrants)
        for entrant in entrants[first:] + entrants[:first]:
            for wanted, effort in entrant.efforts.items():
                answers: Answers = entrant.remote.ask("single", part.queries, K, effort, _LIMIT_S)
                entrant.rounds.setdefault(wanted, []).append(Round(part.recall(answers.ids), answers.ms))
    for entrant in entrants:
        entrant.after = entrant.remote.ask("memory")
