"""Each collection is gone through once a day, in pieces, and one that fails holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from lookalike.core.errors import LookalikeError, NoCollection, ServiceDown
from lookalike.objects.base import Leftover, LeftoverKind
from lookalike.service import orphan_sweep
from lookalike.service.orphan_sweep import AGAIN_S, EVERY_S, PIECES, OrphanSweep

KEPT_S = 500.0
MINUTE_S = 60.0


class Sweeps:
    """Sweeps of collections that have so many pieces; notes what was begun, of what age, and each piece."""

    def __init__(self, **pieces: int) -> None:
        self.pieces = pieces
        self.begun: list[tuple[str, float]] = []
        self.gone_through: list[str] = []
        self.failing: LookalikeError | None = None

    def __call__(self, name: str, before: float) -> Iterator[list[Leftover]]:
        self.begun.append((name, before))
        if self.failing is not None:
            raise self.failing
        return self._each(name)

    def _each(self, name: str) -> Iterator[list[Leftover]]:
        for _ in range(self.pieces[name]):
            self.gone_through.append(name)
            yield [Leftover(LeftoverKind.OBJECT, "a", 7)]


def rounds(sweep: OrphanSweep, names: list[str], count: int, *, now: float = 0.0) -> float:
    """So many rounds, a minute apart; when the next one would be."""
    for _ in range(count):
        sweep.go_on(names, now)
        now += MINUTE_S
    return now


def test_each_collection_is_gone_through_once_a_day_by_what_is_old_enough() -> None:
    sweeps = Sweeps(a=1, b=2, c=0)
    sweep, begin = OrphanSweep(sweeps, kept_s=KEPT_S), 1e9
    now = rounds(sweep, ["a", "b", "c"], 100, now=begin)
    assert [name for name, _ in sweeps.begun] == ["a", "b", "c"]
    assert sweeps.gone_through == ["a", "b", "b"]
    assert sweeps.begun[0] == ("a", begin - KEPT_S)
    rounds(sweep, ["a", "b", "c"], 100, now=begin + EVERY_S)
    assert [name for name, _ in sweeps.begun] == ["a", "b", "c"] * 2
    assert now < begin + EVERY_S


def test_a_round_is_bounded_and_the_next_one_goes_on_where_it_ended() -> None:
    sweeps = Sweeps(a=3 * PIECES)
    sweep = OrphanSweep(sweeps, kept_s=KEPT_S)
    for n in range(1, 4):
        sweep.go_on(["a"], 1e9 + n)
        assert len(sweeps.gone_through) == n * PIECES
    assert len(sweeps.begun) == 1


def test_of_many_collections_all_are_gone_through_within_a_day() -> None:
    names = [f"c{n}" for n in range(4_000)]
    sweeps = Sweeps(**dict.fromkeys(names, 1))
    most, sweep, now = 0, OrphanSweep(sweeps, kept_s=KEPT_S), 1e9
    for _ in range(int(EVERY_S / MINUTE_S)):
        before = len(sweeps.begun)
        sweep.go_on(names, now)
        most, now = max(most, len(sweeps.begun) - before), now + MINUTE_S
    assert {name for name, _ in sweeps.begun} == set(names)
    assert most <= 6  # each is opened, and may close another


def test_one_that_fails_is_told_holds_up_no_other_and_is_tried_again_in_an_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sweeps = Sweeps(a=1, b=1)
    sweep = OrphanSweep(sweeps, kept_s=KEPT_S)
    sweeps.failing = ServiceDown("the store does not answer: try again later")
    now = rounds(sweep, ["a"], 30)
    assert [name for name, _ in sweeps.begun] == ["a"]
    assert "the store does not answer" in caplog.text
    sweeps.failing = None
    rounds(sweep, ["a", "b"], 5, now=now)
    assert sweeps.gone_through == ["b"]
    rounds(sweep, ["a", "b"], 5, now=AGAIN_S + MINUTE_S)
    assert sweeps.gone_through == ["b", "a"]


def test_one_that_was_removed_meanwhile_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    sweeps = Sweeps(a=1)
    sweeps.failing = NoCollection("there is none")
    sweep = OrphanSweep(sweeps, kept_s=KEPT_S)
    rounds(sweep, ["a"], 3)
    assert caplog.text == ""
    sweeps.failing = None
    now = rounds(sweep, [], 1)  # it is forgotten with its collection, so that another of that name is looked at soon
    rounds(sweep, ["a"], 2, now=now)
    assert sweeps.gone_through == ["a"]


def test_what_was_deleted_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=orphan_sweep.__name__)
    rounds(OrphanSweep(Sweeps(a=3), kept_s=KEPT_S), ["a"], 2)
    assert "deleted 3 files of 21 bytes in 'a'" in caplog.text


def test_what_is_under_way_is_let_go_of_at_the_end() -> None:
    ended: list[str] = []

    def endless(name: str, _: float) -> Iterator[list[Leftover]]:
        try:
            while True:
                yield []
        finally:
            ended.append(name)

    sweep = OrphanSweep(endless, kept_s=KEPT_S)
    sweep.go_on(["a"], 0.0)
    sweep.close()
    sweep.close()
    assert ended == ["a"]
