"""The recall gauge: close to the truth, deaf to noise, and never in anybody's way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput
from lookalike.core.records import Neighbours
from lookalike.view.recall_gauge import RecallGauge, interval, recall_of

PATIENCE_S = 60


def answer(keys: list[int], similarities: list[float] | None = None, *, error: float = 0.0) -> Neighbours:
    near = [0.9 - n / 100 for n in range(len(keys))] if similarities is None else similarities
    return Neighbours(np.array([keys]), np.array([near], np.float32), exact=False, scanned=9, error=error)


def missing(count: int, k: int) -> Neighbours:
    """The answer 0 ... k - 1 with `count` strangers at its end."""
    found = answer([*range(k - count), *range(1000, 1000 + count)])
    found.similarities[0, k - count :] = 0.1
    return found


def observe(gauge: RecallGauge, found: Neighbours, exact: Neighbours | None) -> None:
    gauge.observe(found, lambda: exact)
    assert gauge.settle(PATIENCE_S)


def feed(gauge: RecallGauge, misses: Any, k: int) -> None:
    """Searches that miss so many of their k, one after another."""
    for count in misses:
        observe(gauge, missing(int(count), k), answer(list(range(k))))


@pytest.fixture
def gauge_of(request: pytest.FixtureRequest) -> Callable[..., RecallGauge]:
    def make(promised: float, **options: Any) -> RecallGauge:
        gauge = RecallGauge(promised, **options)
        request.addfinalizer(gauge.close)
        return gauge

    return make


Make = Callable[..., RecallGauge]


@pytest.mark.parametrize(("share", "searches", "sampled"), [(0.0, 50, 0), (0.1, 50, 5), (0.3, 50, 15), (1.0, 7, 7)])
def test_the_share_of_searches_is_sampled_and_the_same_ones_each_time(
    gauge_of: Make, share: float, searches: int, sampled: int
) -> None:
    turns = []
    for _ in range(2):
        gauge = gauge_of(0.9, share=share, least=1)
        turn = []
        for n in range(searches):
            before = gauge.facts().samples
            observe(gauge, answer([n]), answer([n]))
            turn += [n] * (gauge.facts().samples - before)
        turns.append(turn)
        assert gauge.facts().observed == searches
    assert len(turns[0]) == sampled
    assert turns[0] == turns[1]


@pytest.mark.parametrize(("recall", "k", "seed"), [(0.99, 10, 0), (0.95, 10, 1), (0.6, 3, 2), (1.0, 5, 3)])
def test_the_interval_holds_the_recall_that_an_engine_really_has(
    gauge_of: Make, recall: float, k: int, seed: int
) -> None:
    searches = 400
    gauge = gauge_of(0.5, share=1, least=50)
    feed(gauge, np.random.default_rng(seed).binomial(k, 1 - recall, searches), k)
    facts = gauge.facts()
    assert facts.samples == searches
    assert facts.low <= recall <= facts.high
    assert facts.recall == pytest.approx(recall, abs=0.05)
    assert not facts.sinking


@pytest.mark.parametrize("together", [False, True], ids=["misses alone", "misses of a search together"])
def test_noise_around_a_kept_promise_does_not_make_it_sink(gauge_of: Make, together: bool) -> None:
    promised, k, searches = 0.95, 10, 3000
    rng = np.random.default_rng(5)
    gauge = gauge_of(promised, share=1, least=50, window=500)
    misses = k * rng.binomial(1, 0.04, searches) if together else rng.binomial(k, 0.05, searches)
    for count in misses:
        feed(gauge, [count], k)
        assert not gauge.sinking


def test_a_broken_promise_shows_once_there_are_enough_samples_and_is_forgotten_after_a_rebuild(gauge_of: Make) -> None:
    promised, k, least = 0.99, 10, 60
    gauge = gauge_of(promised, share=1, least=least)
    misses = np.random.default_rng(6).binomial(k, 0.1, 300)
    feed(gauge, misses[: least - 1], k)
    assert not gauge.sinking
    feed(gauge, misses[least - 1 :], k)
    assert gauge.sinking

    gauge.reset()

    facts = gauge.facts()
    assert (facts.recall, facts.samples, facts.sinking, facts.low, facts.high) == (None, 0, False, 0, 1)
    feed(gauge, [0] * least, k)
    assert gauge.facts().recall == 1
    gauge.reset(promised=0.8)
    assert gauge.facts().promised == 0.8


def test_only_the_last_samples_count(gauge_of: Make) -> None:
    k, window = 4, 10
    gauge = gauge_of(0.9, share=1, least=1, window=window)
    feed(gauge, [4] * 30 + [1] * window, k)
    assert (gauge.facts().recall, gauge.facts().samples) == (0.75, window)


@pytest.mark.parametrize(
    ("found", "exact", "recall"),
    [
        (answer([1, 2, 3, 4]), answer([1, 2, 3, 4]), 1.0),
        (answer([4, 3, 2, 1]), answer([1, 2, 3, 4]), 1.0),
        (answer([1, 9], [0.9, 0.1]), answer([1, 2], [0.9, 0.8]), 0.5),
        (answer([7, 8], [0.3, 0.2]), answer([1, 2], [0.9, 0.8]), 0.0),
        (answer([1, 9], [0.9, 0.8]), answer([1, 2], [0.9, 0.8]), 1.0),  # 9 ties with 2
        (answer([1, 9], [0.9, 0.79], error=0.02), answer([1, 2], [0.9, 0.8]), 1.0),  # and may tie
        (answer([1, 1, 1], [0.9, 0.9, 0.9]), answer([1, 2, 3]), 1 / 3),  # one picture is one answer
        (answer([1, -1], [0.9, -np.inf]), answer([1, 2], [0.9, 0.8]), 0.5),
        (answer([1, -1], [0.9, -np.inf]), answer([1, -1], [0.9, -np.inf]), 1.0),
        (answer([1, 2, 3], [0.5, 0.5, 0.5]), answer([5, -1, -1], [0.5, -np.inf, -np.inf]), 1.0),
        (answer([-1], [-np.inf]), answer([-1], [-np.inf]), None),
        (answer([1, 2], [0.8, 0.4]), answer([1, 2], [0.9, 0.8]), 1.0),  # found is found, however near it was thought
    ],
)
def test_recall_is_the_share_of_the_true_nearest_and_ties_count(
    found: Neighbours, exact: Neighbours, recall: float | None
) -> None:
    assert recall_of(found, exact) == recall


def test_a_search_does_not_wait_for_a_slow_exact_one_and_more_samples_than_can_wait_are_dropped(gauge_of: Make) -> None:
    k, searches, waiting = 3, 20, 4
    gauge, go_on = gauge_of(0.9, share=1, least=1), threading.Event()

    def slow() -> Neighbours:
        assert go_on.wait(PATIENCE_S)
        return answer(list(range(k)))

    for _ in range(searches):
        gauge.observe(missing(0, k), slow)
    assert gauge.facts().dropped == searches - waiting
    assert not gauge.settle(0.01)
    go_on.set()
    assert gauge.settle(PATIENCE_S)
    assert (gauge.facts().samples, gauge.facts().recall) == (waiting, 1)


def test_an_exact_search_that_fails_is_logged_and_counted_and_the_gauge_goes_on(
    gauge_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    gauge = gauge_of(0.9, share=1, least=1)

    def broken() -> Neighbours:
        raise MemoryError("no room")

    with caplog.at_level(logging.WARNING):
        gauge.observe(missing(0, 2), broken)
        assert gauge.settle(PATIENCE_S)
    feed(gauge, [1], 2)
    assert "could not be compared" in caplog.text
    assert "no room" in caplog.text
    assert (gauge.facts().failed, gauge.facts().samples, gauge.facts().recall) == (1, 1, 0.5)


def test_samples_that_a_change_overtook_are_counted_and_tell_nothing(gauge_of: Make) -> None:
    gauge, go_on = gauge_of(0.9, share=1, least=1), threading.Event()
    observe(gauge, missing(2, 2), None)
    assert (gauge.facts().outdated, gauge.facts().samples) == (1, 0)

    def slow() -> Neighbours:
        assert go_on.wait(PATIENCE_S)
        return answer([0, 1])

    gauge.observe(missing(2, 2), slow)
    gauge.reset()  # while the exact answer is still being looked for
    go_on.set()
    assert gauge.settle(PATIENCE_S)
    assert (gauge.facts().outdated, gauge.facts().samples) == (2, 0)


def test_closing_a_busy_gauge_waits_for_the_running_search_and_drops_the_others(gauge_of: Make) -> None:
    gauge, started, go_on = gauge_of(0.9, share=1, least=1), threading.Event(), threading.Event()
    calls = []

    def slow() -> Neighbours:
        calls.append(1)
        started.set()
        assert go_on.wait(PATIENCE_S)
        return answer([0, 1])

    for _ in range(3):
        gauge.observe(missing(0, 2), slow)
    assert started.wait(PATIENCE_S)
    closing = threading.Thread(target=gauge.close)
    closing.start()
    closing.join(0.02)
    assert closing.is_alive()
    go_on.set()
    closing.join(PATIENCE_S)
    gauge.close()
    gauge.observe(missing(0, 2), slow)
    assert gauge.settle(PATIENCE_S)
    facts = gauge.facts()
    assert (len(calls), facts.samples, facts.dropped, facts.observed) == (1, 1, 2, 4)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("recall-gauge")]


@pytest.mark.parametrize(
    ("promised", "options"),
    [
        (0.0, {}),
        (1.1, {}),
        (float("nan"), {}),
        (0.9, {"share": -0.1}),
        (0.9, {"share": 2}),
        (0.9, {"least": 0}),
        (0.9, {"least": 11, "window": 10}),
    ],
)
def test_what_makes_no_sense_is_refused(promised: float, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="promised recall"):
        RecallGauge(promised, **options)


def test_a_promise_of_everything_is_kept_until_something_is_missed(gauge_of: Make) -> None:
    gauge = gauge_of(1.0, share=1, least=1)
    for _ in range(120):
        feed(gauge, [0], 10)
        assert not gauge.sinking
    feed(gauge, [1], 10)
    assert gauge.sinking  # one miss disproves it


def test_the_interval_is_that_of_wilson() -> None:
    for recall, samples in ((0.0, 1), (1.0, 1), (0.93, 17), (1.0, 400)):
        for bound in interval(recall, samples):  # where the distance is just z standard errors of the bound itself
            if 0 < bound < 1:
                assert abs(recall - bound) == pytest.approx(3 * (bound * (1 - bound) / samples) ** 0.5)
    assert interval(1.0, 100)[1] == 1
    assert interval(0.0, 100)[0] == 0
