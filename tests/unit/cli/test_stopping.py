"""Ctrl-C stops a long run, also where Python passes over the error that it raises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike.cli.stopping import stopping_cleanly


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Ctrl-C is heeded, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run_over(done: list[bool]) -> None:
    """A run that a signal comes to, which it passes over."""
    with stopping_cleanly() as is_asked:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        done.append(is_asked.wait(60))


def test_a_signal_whose_error_was_passed_over_is_still_known_and_told_at_the_end() -> None:
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):
        run_over(done)
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_signal_nothing_is_raised() -> None:
    with stopping_cleanly() as is_asked:
        pass
    assert not is_asked.is_set()


def outcome_of(program: str) -> str:
    """What another Python prints last, within a time after which it hangs for good."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr


INTERRUPTED = """
        import os, signal, threading
        from contextlib import suppress
        from lookalike.cli.stopping import set_at_signals, stopping_cleanly

        class Interrupted(threading.Condition):
            def wait(self, timeout=None):  # it has the event's lock
                with suppress(KeyboardInterrupt):
                    os.kill(os.getpid(), signal.SIGTERM)
                return super().wait(timeout)
"""


@pytest.mark.parametrize(
    "then",
    [
        """
        event = threading.Event()
        event._cond = Interrupted(threading.Lock())
        set_at_signals(event)
        print(event.wait(30))
        """,
        """
        with suppress(KeyboardInterrupt), stopping_cleanly() as event:
            event._cond = Interrupted(threading.Lock())
            print(event.wait(30))
        """,
    ],
    ids=["a worker", "a run"],
)
def test_a_signal_that_comes_while_the_main_thread_looks_at_the_event_is_heard(then: str) -> None:
    assert outcome_of(INTERRUPTED + then) == "True"


def test_a_worker_hears_a_signal_that_another_of_its_threads_was_given() -> None:
    program = """
        import signal, threading, time
        from lookalike.cli.stopping import set_at_signals
        from lookalike.dispatch.polling import PollingDispatch
        from lookalike.jobs.memory import MemoryJobs
        from lookalike.worker import Worker

        def be_given_it():
            time.sleep(0.5)
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            time.sleep(60)

        stop = threading.Event()
        set_at_signals(stop)
        threading.Thread(target=be_given_it, daemon=True).start()
        Worker(MemoryJobs(), PollingDispatch(), {}, name="worker").run(stop)
        print("ended", flush=True)
    """
    assert outcome_of(program) == "ended"
