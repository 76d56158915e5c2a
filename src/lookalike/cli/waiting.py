"""What a command waits for, told on standard error once it takes longer than a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from lookalike.presentation.text import human_count, safe

if TYPE_CHECKING:
    from lookalike.cli.session import Session
    from lookalike.view.waiting import Reached, Waiting

A_MOMENT_S = 0.5


def waiting_of(session: Session) -> Waiting:
    """Tells in one line what is done and why, and goes on to show how far it has come; nothing with -q."""

    @contextmanager
    def waiting(what: str, pictures: int) -> Iterator[Reached]:
        begun_s = time.monotonic()
        of = f" ({human_count(pictures, 'picture')})" if pictures else ""
        line = Timer(A_MOMENT_S, session.say, [f"{safe(what)}{of}…"])
        line.daemon = True
        with ExitStack() as stack:
            told = None

            def reached(done: int) -> None:
                nonlocal told
                if told is None and time.monotonic() - begun_s > A_MOMENT_S:
                    from lookalike.cli.progress import counting

                    told = stack.enter_context(counting(session, task="Index")) or _nothing
                if told is not None:
                    told(done, pictures)

            line.start()
            try:
                yield reached
            finally:
                line.cancel()
                line.join()

    return waiting


def _nothing(_done: int, _total: int) -> None:
    return
