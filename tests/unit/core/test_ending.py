"""Work ends when nobody wants it any more: waits for locks, and what goes on in other threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lookalike.core.ending import Ending, carry_ending, check_wanted, ending, is_wanted, turn_of
from lookalike.core.errors import DeadlineExceeded

WANTED = Ending(None, lambda: True)


def soon(seconds: float = 0.2) -> Ending:
    return Ending(time.monotonic() + seconds, lambda: True)


def test_a_turn_is_waited_for_until_the_end_and_what_is_done_in_it_is_for_everybody() -> None:
    lock = threading.Lock()
    with lock, ending(soon()), pytest.raises(DeadlineExceeded), turn_of(lock):
        pass
    with ending(soon(0.0)):
        assert not is_wanted()
        with turn_of(lock):
            assert is_wanted()
        assert not is_wanted()
    assert lock.acquire(blocking=False)


def test_a_turn_that_another_lets_go_of_is_had() -> None:
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.2, lock.release).start()
    with ending(soon(30.0)), turn_of(lock):
        assert lock.locked()


def test_work_on_other_threads_ends_too() -> None:
    with ThreadPoolExecutor(1) as pool:
        with ending(soon(0.0)):
            late = pool.submit(carry_ending(lambda: "done"))
        with ending(WANTED):
            wanted = pool.submit(carry_ending(is_wanted))
        assert isinstance(late.exception(30), DeadlineExceeded)
        assert wanted.result(30)


def test_work_of_which_nobody_said_when_it_ends_does_not() -> None:
    assert is_wanted()
    check_wanted()
