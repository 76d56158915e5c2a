from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lookalike.core.ending import Ending, ending
from lookalike.core.errors import BadInput, DeadlineExceeded, LookalikeError, Overloaded, ServiceDown
from lookalike.core.retrying import Retrying


class Server:
    """Answers after it has failed in these ways."""

    def __init__(self, *errors: LookalikeError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


class Waits:
    """Takes note of how long is waited, and does not wait."""

    def __init__(self) -> None:
        self.total_s = 0.0

    def __call__(self, seconds: float) -> None:
        self.total_s += seconds


def retrying(waits: Callable[[float], None], *, chance: float = 0.0) -> Retrying:
    return Retrying(attempts=5, first_pause_s=0.1, longest_pause_s=0.5, wait=waits, chance=lambda: chance)


@pytest.mark.parametrize(("failures", "pause_s"), [(0, 0), (1, 0.1), (2, 0.3), (3, 0.7), (4, 1.2)])
def test_pauses_grow_up_to_the_longest(failures: int, pause_s: float) -> None:
    waits, server = Waits(), Server(*[ServiceDown("no answer")] * failures)
    assert retrying(waits).run(server) == "answer"
    assert waits.total_s == pytest.approx(pause_s)
    assert server.calls == failures + 1


def test_pauses_are_shortened_by_chance_up_to_a_half() -> None:
    waits = Waits()
    retrying(waits, chance=1.0).run(Server(ServiceDown("no answer")))
    assert waits.total_s == pytest.approx(0.05)


@pytest.mark.parametrize(("asked_s", "waited_s"), [(0.01, 0.1), (0.3, 0.3), (60.0, 0.5)])
def test_a_server_that_says_when_to_come_again_is_heard_within_bounds(asked_s: float, waited_s: float) -> None:
    waits = Waits()
    retrying(waits).run(Server(Overloaded("busy", retry_after_s=asked_s)))
    assert waits.total_s == pytest.approx(waited_s)


def test_the_last_failure_is_raised() -> None:
    server = Server(*[ServiceDown(f"no answer {n}") for n in range(9)])
    with pytest.raises(ServiceDown, match="no answer 4"):
        retrying(Waits()).run(server)
    assert server.calls == 5


@pytest.mark.parametrize("error", [BadInput("wrong"), LookalikeError("failed"), DeadlineExceeded("late")])
def test_what_may_not_be_tried_again_is_raised_at_once(error: LookalikeError) -> None:
    server = Server(error)
    with pytest.raises(type(error)):
        retrying(Waits()).run(server)
    assert server.calls == 1


def test_there_is_no_further_call_where_it_would_come_after_the_deadline() -> None:
    waits, server = Waits(), Server(ServiceDown("no answer"))
    with ending(Ending(time.monotonic() + 0.05, lambda: True)), pytest.raises(ServiceDown):
        retrying(waits).run(server)
    assert (server.calls, waits.total_s) == (1, 0)


def test_a_pause_ends_when_nobody_wants_the_result_any_more() -> None:
    server = Server(ServiceDown("no answer"), ServiceDown("no answer"))
    wanted = [True, True, True]
    with ending(Ending(None, lambda: bool(wanted and wanted.pop()))), pytest.raises(DeadlineExceeded):
        retrying(Waits()).run(server)
    assert server.calls == 1


def test_a_failure_after_the_deadline_is_told_as_that() -> None:
    deadline = time.monotonic() + 0.02

    def late() -> str:
        time.sleep(max(0.0, deadline - time.monotonic()) + 0.001)
        raise ServiceDown("no answer")

    with ending(Ending(deadline, lambda: True)), pytest.raises(DeadlineExceeded) as raised:
        retrying(Waits()).run(late)
    assert isinstance(raised.value.__context__, ServiceDown)
