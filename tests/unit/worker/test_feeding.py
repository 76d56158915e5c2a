"""Indexes that live elsewhere are fed one after the other, whatever becomes of one of them."""

from __future__ import annotations

import threading
import time

import pytest

from lookalike.core.errors import ServiceDown
from lookalike.worker.feeding import Feeding


def test_one_that_cannot_be_fed_keeps_no_other_waiting_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    fed: list[str] = []

    def feed(name: str) -> bool:
        if name == "down":
            raise ServiceDown("expected the vectors' database to answer, but it does not; start it")
        fed.append(name)
        return name == "b"

    feeding = Feeding(lambda: ["a", "down", "b"], feed)
    rounds = [feeding.go_round(threading.Event()) for _ in range(3)]

    assert fed == ["a", "b"] * 3
    assert rounds == [True] * 3
    assert caplog.text.count("the index of 'down' is not brought up to date") == 1


def test_a_fault_that_came_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    faults = iter([True, False, True])

    def feed(_: str) -> bool:
        if next(faults):
            raise ServiceDown("expected an answer, got none; start it")
        return False

    feeding = Feeding(lambda: ["a"], feed)
    rounds = [feeding.go_round(threading.Event()) for _ in range(3)]

    assert rounds == [False] * 3
    assert caplog.text.count("'a' is not brought up to date") == 2


def test_while_nobody_can_say_which_there_are_it_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([ServiceDown("expected the database to answer, but it does not; start it"), ["a"]])
    fed: list[str] = []

    def names() -> list[str]:
        answer = next(answers)
        if isinstance(answer, ServiceDown):
            raise answer
        return answer

    feeding = Feeding(names, lambda name: not fed.append(name))
    assert [feeding.go_round(threading.Event()) for _ in range(2)] == [False, True]
    assert fed == ["a"]
    assert "the index of '' is not" not in caplog.text


def test_it_goes_on_until_it_is_stopped_and_ends_before_the_next_collection() -> None:
    stop, fed = threading.Event(), []

    def feed(name: str) -> bool:
        fed.append(name)
        stop.set()
        return True

    running = threading.Thread(target=Feeding(lambda: ["a", "b"], feed, every_s=0.001).run, args=(stop,))
    running.start()
    running.join(20)

    assert not running.is_alive()
    assert fed == ["a"]
    time.sleep(0.01)
    assert fed == ["a"]
