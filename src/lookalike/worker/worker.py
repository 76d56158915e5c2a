"""The loop that is woken, claims jobs and does them."""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Event, Thread
from typing import TypeAlias

from lookalike.core.errors import Interrupted, Locked, LookalikeError, ServiceDown
from lookalike.core.records import Json
from lookalike.dispatch.base import Consumer, DeadLetter, Delivery, Dispatch, Notice
from lookalike.jobs.base import Job, Jobs, JobState
from lookalike.worker.lease import extending_lease
from lookalike.worker.policy import backoff_s, error_policy

_log = logging.getLogger(__name__)

_LONGEST_SILENCE_S = 30.0
_MOST_LETTERS = 100  # that are kept while nobody takes them
_STOPS_WITHIN_S = 0.5  # while it waits to be woken
_STOPPED = "it was not done when the worker was stopped; wait, for another one goes on with it"

Handler: TypeAlias = Callable[[Job], Json]
"""Does a job and gives its result. It may be called again for a job that was done before, so it must bear that."""


def _acknowledge(consumer: Consumer, delivery: Delivery) -> None:
    """Where that fails it is delivered again, which costs a look."""
    try:
        consumer.ack(delivery)
    except ServiceDown as error:
        _log.warning("a notice cannot be acknowledged (%s): it comes again", error)


class Worker:
    """Does jobs, several at a time; collections take turns, so that one with many keeps no other waiting.

    Args:
        jobs: to claim them from.
        dispatch: wakes it; it looks by itself as often as that says.
        handlers: by kind of job; other kinds are left to other workers.
        name: for people.
        lease_s: how long a lease lasts without a sign of life, in seconds: so long it takes until another worker has a
            job whose worker died.
        concurrency: jobs at a time, each in a thread.
        drain_s: how long jobs in hand may take once it is to stop, in seconds.
    """

    def __init__(
        self,
        jobs: Jobs,
        dispatch: Dispatch,
        handlers: Mapping[str, Handler],
        *,
        name: str,
        lease_s: float = 30.0,
        concurrency: int = 1,
        drain_s: float = 20.0,
    ) -> None:
        self._jobs = jobs
        self._dispatch = dispatch
        self._handlers = dict(handlers)
        self._name = f"{name}/{token_hex(4)}"
        self._lease_s = lease_s
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._stop = Event()
        self._given_up = Event()
        self._in_hand: dict[str, Job] = {}  # by the thread that does it
        self._locked: dict[str, float] = {}  # collections that are left alone for now, and until when
        self._served: dict[str, None] = {}  # collections that had their turn, while others have not
        self._broken: list[BaseException] = []
        self._letters: deque[DeadLetter] = deque(maxlen=_MOST_LETTERS)

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
        while not stop.wait(_STOPS_WITHIN_S):  # a signal that another thread was given does not wake this one
            pass
        deadline = time.monotonic() + self._drain_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._given_up.set()
        for job in list(self._in_hand.values()):
            _log.warning("job %s was not finished in %g s; another worker has it soon", job.id, self._drain_s)
            with suppress(LookalikeError):  # then it has it when the lease ends
                self._jobs.postpone(job.id, lease=job.lease, code=Interrupted.code, detail=_STOPPED, retry_in_s=0.0)
        if self._broken:
            raise self._broken[0]

    def _work(self, worker: str, stop: Event) -> None:
        failures = 0
        try:
            while not stop.is_set():
                try:
                    self._wait_and_do(worker, stop)
                    failures = 0
                except LookalikeError as error:
                    failures += 1
                    _log.warning("no job can be looked for (%s): trying again", error)
                    stop.wait(min(backoff_s(failures), _LONGEST_SILENCE_S))
        except BaseException as error:
            _log.exception("worker %s stops", worker)
            self._broken.append(error)
            stop.set()

    def _wait_and_do(self, worker: str, stop: Event) -> None:
        """Look at once, then whenever it is told of a job or has to look by itself, and do jobs until there are none.

        A notice is acknowledged when the first of them is done, or there was none: so one who is busy has none in hand
        that an idle one could have, and those of one who dies go to others. That it goes on then is needed: a claim
        takes the oldest job, whichever it was told of, and a job that was claimed before anybody was told of it never
        is; so there may be fewer notices than jobs.
        """
        self._do_all(worker, stop)  # also where nobody can be asked to tell
        consumer = self._dispatch.consumer(self._handlers.keys())
        look_at = time.monotonic()  # once more, for what was put in before it could be told of that
        try:
            self._send_letters()
            while not stop.is_set():
                delivery = consumer.receive(wait_s=min(_STOPS_WITHIN_S, max(0.0, look_at - time.monotonic())))
                if delivery is not None:
                    did_one = self._do_next(worker)
                    _acknowledge(consumer, delivery)
                    if did_one:
                        self._do_all(worker, stop)
                    look_at = min(look_at, self._next_look())
                elif time.monotonic() >= look_at:
                    self._do_all(worker, stop)
                    look_at = self._next_look()
        finally:
            consumer.close()  # what it was told of and has not looked for comes again

    def _next_look(self) -> float:
        """When to look though nobody tells: sooner where jobs are left alone until a known time."""
        now = time.monotonic()
        return min(
            [now + self._dispatch.look_every_s, *(until for until in list(self._locked.values()) if until > now)]
        )

    def _do_all(self, worker: str, stop: Event) -> None:
        """Do jobs until none may be begun."""
        while not stop.is_set() and self._do_next(worker):
            pass

    def _do_next(self, worker: str) -> bool:
        """Do one job; False where none may be begun."""
        job = self._claim(worker)
        if job is None:
            return False
        self._served[job.collection] = None
        self._in_hand[worker] = job
        try:
            self._do(job)
        finally:
            del self._in_hand[worker]
        return True

    def _claim(self, worker: str) -> Job | None:
        now = time.monotonic()
        locked = [collection for collection, until in list(self._locked.items()) if until > now]
        claim = partial(self._jobs.claim, self._handlers.keys(), worker=worker, lease_s=self._lease_s)
        job = claim(passing_over=[*locked, *self._served])
        if job is None and self._served:  # all have had a turn that have something to be done
            self._served.clear()
            job = claim(passing_over=locked)
        return job

    def _do(self, job: Job) -> None:
        begun = time.monotonic()
        try:
            with extending_lease(self._jobs, job, lease_s=self._lease_s, given_up=self._given_up):
                result = self._handlers[job.kind](job)
            kept = self._jobs.finish(job.id, lease=job.lease, result=result)
        except Exception as error:
            self._tell_failure(job, error)
            return
        if kept:
            _log.info("job %s (%s of %s) done in %.2f s", job.id, job.kind, job.collection, time.monotonic() - begun)
        else:
            _log.warning("job %s (%s of %s) was done by another worker too", job.id, job.kind, job.collection)

    def _tell_failure(self, job: Job, error: Exception) -> None:
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
            is_told = self._insist(
                lambda: self._jobs.fail(job.id, lease=job.lease, code=code, detail=detail, retry_in_s=retry_in_s)
            )
            if is_told:
                self._set_aside(job, error)
            return
        if isinstance(error, Locked):  # its other jobs would wait for the same, and all other collections' behind them
            self._locked[job.collection] = time.monotonic() + retry_in_s
        self._insist(
            lambda: self._jobs.postpone(job.id, lease=job.lease, code=code, detail=detail, retry_in_s=retry_in_s)
        )

    def _set_aside(self, job: Job, error: Exception) -> None:
        """Where a job was given up, keep for people where it went wrong; its row says why, whatever comes of this."""
        try:
            given_up = self._jobs.get(job.id)
        except LookalikeError as trouble:
            _log.warning("whether job %s was given up is told by its row alone (%s)", job.id, trouble)
            return
        if given_up.state is JobState.FAILED:
            trace = "".join(traceback.format_exception(error))
            notice = Notice(job.id, job.kind)
            self._letters.append(DeadLetter(notice, given_up.code, given_up.detail, given_up.attempts, trace))
            self._send_letters()

    def _send_letters(self) -> None:
        """Those that could not be sent before, too; the rest when the dispatch is reached again."""
        while self._letters:
            try:
                letter = self._letters.popleft()
            except IndexError:  # another thread has just sent it
                return
            try:
                self._dispatch.set_aside(letter)
            except ServiceDown as trouble:
                _log.warning("why job %s was given up is told by its row alone (%s)", letter.notice.job_id, trouble)
                self._letters.appendleft(letter)
                return

    def _insist(self, tell: Callable[[], bool]) -> bool:
        """Say how a job stands, however long its disk is full: else that would count as a try.

        Returns:
            whether that was taken.
        """
        failures = 0
        while True:
            try:
                return tell()
            except LookalikeError as error:
                failures += 1
                _log.warning("how a job stands is not taken (%s): trying again", error)
                if self._stop.wait(min(backoff_s(failures), _LONGEST_SILENCE_S)):
                    return False
