"""A process for each engine: fresh memory, its own processors, and answers through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.approximate_search.engine import Engine, Floats, Ids
from benchmarks.harness import CannotRun
from benchmarks.machine import clock_ms

_WARM = 20


class Memory(NamedTuple):
    """Of a process, in megabytes: all that is resident, and what of it no file backs."""

    resident: float
    anonymous: float


class Building(NamedTuple):
    """What building took."""

    wall_s: float
    cpu_s: float
    before: Memory
    after: Memory
    peak_mb: float
    load: float
    clock_ms: float


class Loading(NamedTuple):
    """What making an index ready took."""

    seconds: float
    before: Memory
    after: Memory


class Answers(NamedTuple):
    """Single queries, one after the other.

    Attributes:
        ids: shape (q, k); q is less than what was asked when time ran out.
        ms: milliseconds of each, shape (q,).
    """

    ids: Ids
    ms: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Worker:
    """An engine at work, in its own process.

    Args:
        engine: its class.
        processors: how many the process may use.
    """

    def __init__(self, engine: type[Engine], *, processors: int) -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-processors:])
        self._threads = processors
        self._engine = engine()

    def build(self, base: Path, folder: Path) -> Building:
        """Build and save."""
        vectors = np.load(base, mmap_mode="r")
        load, clock, before = os.getloadavg()[0], _clock_ms(), memory()
        wall, cpu = time.perf_counter(), time.process_time()
        self._engine.build(vectors, threads=self._threads)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        del vectors  # its pages are not the index's
        after, peak_mb = memory(), _peak_mb()
        self._engine.save(folder)
        return Building(wall, cpu, before, after, peak_mb, load, (clock + _clock_ms()) / 2)

    def load(self, folder: Path, base: Path) -> Loading:
        """Make ready what was built."""
        before, began = memory(), time.perf_counter()
        self._engine.load(folder, base)
        return Loading(time.perf_counter() - began, before, memory())

    def all(self, queries: Floats, k: int, effort: float) -> Ids:
        """Answers to many queries at once."""
        return self._engine.search(queries, k, effort)

    def single(self, queries: Floats, k: int, effort: float, limit_s: float) -> Answers:
        """Answers to single queries by the clock, after a few to get warm, until all are answered or time is up."""
        ends = time.perf_counter() + limit_s
        for query in queries[-_WARM:]:
            if time.perf_counter() < ends - limit_s / 2:
                self._engine.search(query[None], k, effort)
        ids, ms = [], []
        for query in queries:
            began = time.perf_counter()
            ids.append(self._engine.search(query[None], k, effort)[0])
            ended = time.perf_counter()
            ms.append((ended - began) * 1000)
            if ended > ends:
                break
        return Answers(np.stack(ids), np.asarray(ms))

    def memory(self) -> Memory:
        """Now."""
        return memory()


class Remote:
    """A worker from outside: start it, ask it, end it.

    Args:
        name: for what is said when it fails.
    """

    def __init__(self, name: str, engine: type[Engine], *, processors: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, engine, processors), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def ask(self, what: str, *arguments: Any) -> Any:
        """Call a method of the worker.

        Raises:
            CannotRun: when that fails there, or the process is gone.
        """
        self._pipe.send((what, arguments))
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)
        self._process.kill()

    def _answer(self) -> Any:
        try:
            failed, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(10)
            raise CannotRun(f"the process of {self._name} ended with {self._process.exitcode}") from error
        if failed:
            raise CannotRun(answer)
        return answer


def memory() -> Memory:
    """Of this process, from Linux's own account."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    kib = {words[0]: int(words[1]) for words in lines}
    return Memory(kib["Rss:"] * 1024 / 1e6, kib["Anonymous:"] * 1024 / 1e6)


def _clock_ms() -> float:
    """The quickest of a few, which other work has not disturbed."""
    return min(clock_ms() for _ in range(10))


def _peak_mb() -> float:
    """The most that was resident since this program began; `ru_maxrss` would hold what started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _work(pipe: Connection, engine: type[Engine], processors: int) -> None:
    try:
        worker = Worker(engine, processors=processors)
        pipe.send((False, None))
        while True:
            what, arguments = pipe.recv()
            pipe.send((False, getattr(worker, what)(*arguments)))
    except EOFError:
        return
    except Exception as error:  # told to the one who asked, whatever it is
        pipe.send((True, str(error) if isinstance(error, CannotRun) else f"{type(error).__name__}: {error}"))
