"""Ctrl-C stops a long run, also where Python passes over the error that it raises."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from lookalike.cli.stopping import stopping_cleanly


def run_over(done: list[bool]) -> None:
    """A run that a signal comes to, which it passes over."""
    with stopping_cleanly() as is_asked:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        done.append(is_asked.is_set())


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
