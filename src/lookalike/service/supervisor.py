"""Several processes that answer on one socket: those that die are started anew, and all end together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from lookalike.core.errors import Interrupted, LookalikeError
from lookalike.service.logs import set_up_logs
from lookalike.service.process import Factory, run_process
from lookalike.settings.service import ServiceSettings

LOOK_EVERY_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
"""Before a process that died is started anew: twice as long each time, until one has lived for `HEALTHY_S`."""
HEALTHY_S = 30.0
MARGIN_S = 10.0
"""Beyond the time to drain, for closing collections; then a process is killed."""

FIGURES = "PROMETHEUS_MULTIPROC_DIR"

_STARTED = "started"
_spawn = multiprocessing.get_context("spawn")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seat:
    """The place of one process; the processes come and go."""

    process: SpawnProcess | None = None
    pipe: Connection | None = None
    is_started: bool = False
    deaths: int = 0
    began_at: float = 0.0
    begin_at: float = 0.0
    error: Exception | None = field(default=None, repr=False)


class Supervisor:
    """Starts the processes and looks after them.

    Args:
        settings: of the service; `workers` says how many.
        listener: a socket that listens; it is closed.
        factory: makes the application in each process; a function of a module, for it is pickled.
        log_level: the least that they log.
        ready: called once all of them answer.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        listener: socket.socket,
        *,
        factory: Factory,
        log_level: int,
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._factory = factory
        self._log_level = log_level
        self._ready = ready
        self._seats = [_Seat() for _ in range(settings.workers)]
        self._signals = 0

    def run(self) -> int:
        """Look after them until a signal says to stop.

        Returns:
            0 when all was brought to an end, 130 when a second signal cut it short.
        Raises:
            LookalikeError: when one of them does not even start.
        """
        with ExitStack() as stack:
            stack.enter_context(self._noting_signals())
            folder = stack.enter_context(_figures_together())
            stack.callback(self._end)
            if self._wait_for_all(folder):
                self._ready()
            while not self._signals:
                self._look(folder)
            return self._drain(folder)

    def _wait_for_all(self, folder: Path) -> bool:
        """Wait for the first processes; False where a signal came before."""
        while not self._signals:
            self._look(folder)
            for seat in self._seats:
                if seat.error is not None:
                    raise seat.error
                if seat.deaths:
                    raise LookalikeError(
                        "expected every process of the service to start, but one ended before; look into its log"
                    )
            if all(seat.is_started for seat in self._seats):
                return True
        return False

    def _look(self, folder: Path) -> None:
        """Wait a moment for something to happen; note what it was, and fill empty seats."""
        now = time.monotonic()
        for seat in self._seats:
            if seat.process is None and now >= seat.begin_at:
                self._begin(seat)
        self._wait(folder)

    def _wait(self, folder: Path) -> None:
        taken = [seat for seat in self._seats if seat.process is not None]
        wait([seat.process.sentinel for seat in taken if seat.process is not None], LOOK_EVERY_S)
        for seat in taken:
            self._listen(seat)
            if seat.process is not None and seat.process.exitcode is not None:
                self._bury(seat, seat.process, folder)

    def _begin(self, seat: _Seat) -> None:
        ours, theirs = _spawn.Pipe()
        arguments = (self._settings, self._listener, self._factory, self._log_level, theirs)
        seat.process = _spawn.Process(target=_answer, args=arguments, name="lookalike-serve")
        seat.process.start()
        theirs.close()
        seat.pipe, seat.is_started, seat.began_at = ours, False, time.monotonic()

    def _listen(self, seat: _Seat) -> None:
        with suppress(EOFError, OSError):
            while seat.pipe is not None and seat.pipe.poll():
                said = seat.pipe.recv()
                seat.is_started = seat.is_started or said == _STARTED
                seat.error = said if isinstance(said, Exception) else seat.error

    def _bury(self, seat: _Seat, process: SpawnProcess, folder: Path) -> None:
        self._listen(seat)  # its last words
        now = time.monotonic()
        seat.deaths = 1 if now - seat.began_at > HEALTHY_S else seat.deaths + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (seat.deaths - 1))
        seat.begin_at = now + pause_s
        if not self._signals:
            _log.warning("process %s ended with %s; another follows in %.1f s", process.pid, process.exitcode, pause_s)
        _forget_figures(process.pid, folder)
        self._leave(seat)

    def _leave(self, seat: _Seat) -> None:
        if seat.process is not None:
            seat.process.join()
            seat.process.close()
        if seat.pipe is not None:
            seat.pipe.close()
        seat.process = seat.pipe = None

    def _drain(self, folder: Path) -> int:
        self._listener.close()  # else connections that nobody accepts would wait here
        for seat in self._seats:
            if seat.process is not None:
                seat.process.terminate()
        until = time.monotonic() + self._settings.drain_notice_s + self._settings.drain_s + MARGIN_S
        while self._signals < 2 and time.monotonic() < until and any(seat.process for seat in self._seats):
            self._wait(folder)
        return 0 if self._signals < 2 else Interrupted.exit_code

    def _end(self) -> None:
        self._listener.close()
        for seat in self._seats:
            if seat.process is not None:
                seat.process.kill()
            self._leave(seat)

    @contextmanager
    def _noting_signals(self) -> Iterator[None]:
        def note(*_: object) -> None:
            self._signals += 1

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _answer(
    settings: ServiceSettings, listener: socket.socket, factory: Factory, log_level: int, pipe: Connection
) -> None:
    """What each process does. It drains at SIGTERM and when the supervisor is gone; Ctrl-C is the supervisor's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logs(settings.log_format, level=log_level)
    threading.Thread(target=_follow, args=(pipe,), name="supervisor", daemon=True).start()
    try:
        run_process(settings, listener, factory=factory, started=lambda: pipe.send(_STARTED), is_one_of_many=True)
    except LookalikeError as error:
        with suppress(OSError):
            pipe.send(error)
        raise SystemExit(error.exit_code) from None


def _follow(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()  # nothing is ever sent: this ends when the supervisor does
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _figures_together() -> Iterator[Path]:
    """A folder in which the processes write their figures; it must be known before they import `prometheus_client`."""
    before = os.environ.get(FIGURES)
    with TemporaryDirectory(prefix="lookalike-figures-") as folder:
        os.environ[FIGURES] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop(FIGURES)
            if before is not None:
                os.environ[FIGURES] = before


def _forget_figures(process_id: int | None, folder: Path) -> None:
    """What only living processes count, as requests under way, goes with the process; its totals stay."""
    for path in folder.glob(f"gauge_live*_{process_id}.db"):
        path.unlink(missing_ok=True)
