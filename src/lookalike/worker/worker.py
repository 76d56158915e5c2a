"""The loop that takes jobs from the queue and does them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Event, Thread
from typing import TypeAlias

from lookalike.core.errors import Interrupted, Locked, LookalikeError
from lookalike.core.records import Json
from lookalike.queue.base import Job, Queue
from lookalike.worker.lease import held
from lookalike.worker.policy import backoff_s, error_policy

_log = logging.getLogger(__name__)

_LONGEST_SILENCE_S = 30.0
_STOPPED = "the worker was stopped before it was done"

Handler: TypeAlias = Callable[[Job], Json]
"""Does a job and gives its result. It may be called again for a job that was done before, so it must bear that."""


class Worker:
    """Does jobs, several at a time; collections take turns, so that one with many keeps no other waiting.

    Args:
        queue: to take them from.
        handlers: by kind of job; other kinds are left to other workers.
        name: for the logs; jobs are held under it and a random word, so it need not be unique.
        lease_s: how long a job is held without a sign of life, in seconds: so long it takes until another worker has a
            job whose worker died.
        poll_s: how often an idle worker asks, in seconds.
        concurrency: jobs at a time, each in a thread.
        drain_s: how long jobs in hand may take once it is to stop, in seconds.
    """

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        *,
        name: str,
        lease_s: float = 60.0,
        poll_s: float = 0.5,
        concurrency: int = 1,
        drain_s: float = 20.0,
    ) -> None:
        self._queue = queue
        self._handlers = dict(handlers)
        self._name = f"{name}/{token_hex(4)}"
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._stop = Event()
        self._given_up = Event()
        self._in_hand: dict[str, Job] = {}  # by the name under which it is held
        self._locked: dict[str, float] = {}  # collections that are left alone for now, and until when
        self._served: dict[str, None] = {}  # collections that had their turn, while others have not
        self._broken: list[BaseException] = []

    def run(self, stop: Event) -> None:
        """Do jobs until `stop` is set; then finish those in hand, at most for `drain_s`, and return.

        What is not finished by then goes on in its thread as long as the process lives, but is put back, which is no
        try: another worker can have it at once. A mistake in the worker itself, or what is to end the process rather
        than a job, sets `stop`, too, and is raised here.
        """
        self._stop = stop
        threads = [
            Thread(target=self._work, args=(f"{self._name}/{number}", stop), name=f"worker {number}", daemon=True)
            for number in range(self._concurrency)
        ]
        for thread in threads:
            thread.start()
        stop.wait()
        deadline = time.monotonic() + self._drain_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._given_up.set()
        for worker, job in list(self._in_hand.items()):
            _log.warning("job %s was not finished in %g s; another worker has it soon", job.id, self._drain_s)
            with suppress(LookalikeError):  # then it has it when the lease ends
                self._queue.postpone(job.id, worker=worker, code=Interrupted.code, detail=_STOPPED, retry_in_s=0.0)
        if self._broken:
            raise self._broken[0]

    def _work(self, worker: str, stop: Event) -> None:
        failures = 0
        try:
            while not stop.is_set():
                try:
                    found = self._do_next(worker)
                except LookalikeError as error:
                    failures += 1
                    _log.warning("the queue does not answer (%s): trying again", error)
                    stop.wait(min(backoff_s(failures), _LONGEST_SILENCE_S))
                else:
                    failures = 0
                    if not found:
                        stop.wait(self._poll_s)
        except BaseException as error:
            _log.exception("worker %s stops", worker)
            self._broken.append(error)
            stop.set()

    def _do_next(self, worker: str) -> bool:
        now = time.monotonic()
        locked = [collection for collection, until in list(self._locked.items()) if until > now]
        claim = partial(self._queue.claim, self._handlers.keys(), worker=worker, lease_s=self._lease_s)
        job = claim(passing_over=[*locked, *self._served])
        if job is None and self._served:  # all have had a turn that have something to be done
            self._served.clear()
            job = claim(passing_over=locked)
        if job is not None:
            self._served[job.collection] = None
            self._in_hand[worker] = job
            try:
                self._do(job, worker)
            finally:
                del self._in_hand[worker]
        return job is not None

    def _do(self, job: Job, worker: str) -> None:
        begun = time.monotonic()
        try:
            with held(self._queue, job, worker=worker, lease_s=self._lease_s, given_up=self._given_up):
                result = self._handlers[job.kind](job)
            kept = self._queue.finish(job.id, worker=worker, result=result)
        except Exception as error:
            self._tell_failure(job, worker, error)
            return
        if kept:
            _log.info("job %s (%s of %s) done in %.2f s", job.id, job.kind, job.collection, time.monotonic() - begun)
        else:
            _log.warning("job %s (%s of %s) was done by another worker too", job.id, job.kind, job.collection)

    def _tell_failure(self, job: Job, worker: str, error: Exception) -> None:
        verdict = error_policy(error, attempts=job.attempts, postponed=job.postponed)
        then = "never again" if verdict.retry_in_s is None else f"again in {verdict.retry_in_s:.0f} s"
        then += "" if verdict.was_tried else ", for it could not be tried"
        _log.log(
            logging.WARNING if verdict.expected else logging.ERROR,
            "job %s (%s of %s), attempt %d: %s: %s; %s",
            job.id,
            job.kind,
            job.collection,
            job.attempts,
            verdict.code,
            verdict.detail,
            then,
            exc_info=None if verdict.expected else error,
        )
        code, detail = verdict.code, verdict.detail
        retry_in_s = verdict.retry_in_s
        if verdict.was_tried or retry_in_s is None:
            self._insist(
                lambda: self._queue.fail(job.id, worker=worker, code=code, detail=detail, retry_in_s=retry_in_s)
            )
            return
        if isinstance(error, Locked):  # its other jobs would wait for the same, and all other collections' behind them
            self._locked[job.collection] = time.monotonic() + retry_in_s
        self._insist(
            lambda: self._queue.postpone(job.id, worker=worker, code=code, detail=detail, retry_in_s=retry_in_s)
        )

    def _insist(self, tell: Callable[[], bool]) -> None:
        """Tell the queue how a job stands, however long its disk is full: else that would count as a try."""
        failures = 0
        while True:
            try:
                tell()
            except LookalikeError as error:
                failures += 1
                _log.warning("the queue does not take how a job stands (%s): trying again", error)
                if self._stop.wait(min(backoff_s(failures), _LONGEST_SILENCE_S)):
                    return
            else:
                return
