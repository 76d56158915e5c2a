"""What every dispatch promises, over every engine, and over a broker that is late and loses connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import Consumer, DeadLetter, Delivery, Dispatch, Notice
from lookalike.dispatch.memory import MemoryDispatch
from lookalike.dispatch.polling import PollingDispatch
from lookalike.jobs.base import Job, JobState
from lookalike.jobs.memory import MemoryJobs
from lookalike.worker import Worker
from lookalike.worker.relay import Relay
from tests.remote.dispatch import Faults, RemoteBroker, RemoteDispatch
from tests.waiting import eventually

BAD_DAY = Faults(latency_s=0.002, lost=0.15, twice=0.3, late=0.2, late_s=0.05)


def new_postgres(request: pytest.FixtureRequest) -> Dispatch:
    """It listens to jobs in a database, of which these here know nothing: so workers look often."""
    url = request.getfixturevalue("postgres_url")
    from lookalike.dispatch.postgres import PostgresDispatch

    return PostgresDispatch(url, look_every_s=0.01)


ENGINES: dict[str, Callable[[pytest.FixtureRequest], Dispatch]] = {
    "polling": lambda _: PollingDispatch(every_s=0.01),
    "memory": lambda _: MemoryDispatch(look_every_s=3_600.0),
    "postgres": new_postgres,
    "rabbitmq": lambda request: request.getfixturevalue("rabbit_dispatch"),
    "remote": lambda _: RemoteDispatch(RemoteBroker(), look_every_s=3_600.0),
    "remote on a bad day": lambda _: RemoteDispatch(RemoteBroker(faults=BAD_DAY), look_every_s=3_600.0),
}
QUIET = ["memory", "remote", "rabbitmq"]
"""Those that tell of each notice once, as long as nothing happens."""


def engines(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("dispatch", names or list(ENGINES), indirect=True)


@pytest.fixture
def dispatch(request: pytest.FixtureRequest) -> Iterator[Dispatch]:
    opened = ENGINES[request.param](request)
    yield opened
    opened.close()


def notices(count: int, kind: str = "embed") -> list[Notice]:
    return [Notice(f"{number:032x}", kind) for number in range(count)]


def insist(call: Callable[[], object]) -> None:
    """Until the broker has heard of it."""
    for _ in range(1_000):
        with suppress(ServiceDown):
            call()
            return
    raise AssertionError("the broker never answers")


class Patient:
    """A consumer that is made anew whenever its connection is lost."""

    def __init__(self, dispatch: Dispatch, *kinds: str, prefetch: int = 1) -> None:
        self.made: list[Consumer] = []
        self.make = lambda: insist(lambda: self.made.append(dispatch.consumer(kinds, prefetch=prefetch)))
        self.make()

    def receive(self, *, wait_s: float) -> Delivery | None:
        for _ in range(1_000):
            try:
                return self.made[-1].receive(wait_s=wait_s)
            except ServiceDown:
                self.make()
        raise AssertionError("the broker never answers")

    def ack(self, delivery: Delivery) -> None:
        with suppress(ServiceDown):
            self.made[-1].ack(delivery)


@engines()
def test_whoever_can_be_told_is_said_to_be_and_nothing_is_made_for_that(dispatch: Dispatch) -> None:
    insist(dispatch.check)
    insist(dispatch.check)
    assert Patient(dispatch, "embed").receive(wait_s=0.0) is None


@engines(*QUIET, "remote on a bad day")
def test_what_was_confirmed_is_delivered_at_least_once(dispatch: Dispatch) -> None:
    sent = notices(30)
    for notice in sent:
        insist(lambda notice=notice: dispatch.publish([notice]))  # type: ignore[misc]
    consumer, received = Patient(dispatch, "embed"), set[Notice]()

    def receive_all() -> bool:
        while (delivery := consumer.receive(wait_s=0.05)) is not None:
            received.add(delivery.notice)
            consumer.ack(delivery)
        return received == set(sent)

    eventually(receive_all)


@engines(*QUIET)
def test_a_notice_goes_to_one_consumer_of_its_kind(dispatch: Dispatch) -> None:
    embed, verify = dispatch.consumer(["embed"]), dispatch.consumer(["verify", "train"])
    dispatch.publish([*notices(1), *notices(1, "verify")])
    first, second = embed.receive(wait_s=5.0), verify.receive(wait_s=5.0)
    assert first is not None
    assert second is not None
    assert (first.notice, second.notice) == (notices(1)[0], notices(1, "verify")[0])
    for consumer in (dispatch.consumer(["embed", "verify"]), dispatch.consumer([])):
        assert consumer.receive(wait_s=0.05) is None


@engines(*QUIET)
def test_what_is_acknowledged_comes_no_more_and_what_is_given_back_does(dispatch: Dispatch) -> None:
    dispatch.publish(notices(2))
    first, second = dispatch.consumer(["embed"], prefetch=2), dispatch.consumer(["embed"])
    one, two = first.receive(wait_s=5.0), first.receive(wait_s=5.0)
    assert one is not None
    assert two is not None
    assert one.tag != two.tag
    first.ack(one)
    first.ack(one)
    first.nack(two)
    first.nack(two)
    again = second.receive(wait_s=5.0)
    assert again is not None
    assert again.notice == two.notice
    second.ack(again)
    assert second.receive(wait_s=0.05) is None


@engines(*QUIET)
def test_what_a_consumer_had_in_hand_when_its_connection_ended_goes_to_another(dispatch: Dispatch) -> None:
    dispatch.publish(notices(3))
    first, second = dispatch.consumer(["embed"], prefetch=3), dispatch.consumer(["embed"], prefetch=3)
    had = [first.receive(wait_s=5.0) for _ in range(3)]
    assert had[0] is not None
    first.ack(had[0])
    assert second.receive(wait_s=0.05) is None
    first.close()
    first.close()
    got = [second.receive(wait_s=5.0) for _ in range(2)]
    assert {one.notice for one in got if one} == {one.notice for one in had[1:] if one}


@engines(*QUIET)
def test_a_consumer_has_no_more_in_hand_than_it_asked_for(dispatch: Dispatch) -> None:
    dispatch.publish(notices(3))
    consumer = dispatch.consumer(["embed"], prefetch=2)
    first, second = consumer.receive(wait_s=5.0), consumer.receive(wait_s=5.0)
    assert first is not None
    assert second is not None
    assert consumer.receive(wait_s=0.05) is None
    consumer.ack(first)
    assert consumer.receive(wait_s=5.0) is not None


@engines()
def test_what_is_set_aside_is_delivered_to_nobody(dispatch: Dispatch) -> None:
    letter = DeadLetter(notices(1)[0], "gave_up", "tried 5 times – in vain", 5, "Traceback\n" * 100_000)
    insist(lambda: dispatch.set_aside(letter))
    consumer = Patient(dispatch, "embed")
    assert consumer.receive(wait_s=0.1) is None
    consumer.made[-1].close()


@engines(*QUIET)
def test_who_waits_is_woken(dispatch: Dispatch) -> None:
    received: list[Delivery | None] = []
    consumer = dispatch.consumer(["embed"])
    waiting = threading.Thread(target=lambda: received.append(consumer.receive(wait_s=120.0)))
    waiting.start()
    time.sleep(0.05)
    dispatch.publish(notices(1))
    waiting.join(60.0)
    assert [one.notice for one in received if one] == notices(1)


@engines(*QUIET)
def test_a_dispatch_that_is_closed_says_that_it_is_down(dispatch: Dispatch) -> None:
    consumer = dispatch.consumer(["embed"])
    dispatch.close()
    dispatch.close()
    for call in (
        lambda: dispatch.publish(notices(1)),
        lambda: dispatch.set_aside(DeadLetter(notices(1)[0], "gave_up", "why", 5)),
        lambda: dispatch.consumer(["embed"]),
        lambda: consumer.receive(wait_s=0.0),
    ):
        with pytest.raises(ServiceDown):
            call()
    consumer.close()


@engines()
def test_what_is_not_there_is_waited_for_as_long_as_was_said_and_no_longer(dispatch: Dispatch) -> None:
    consumer, begun = Patient(dispatch, "embed"), time.monotonic()
    assert consumer.receive(wait_s=0.2) is None
    assert time.monotonic() - begun >= 0.19
    consumer.made[-1].close()


@engines()
def test_every_job_that_is_put_in_is_done_once_whatever_the_dispatch_does(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("relay", "worker"):
        monkeypatch.setattr(f"lookalike.worker.{module}.backoff_s", lambda failures: 0.01)
    N, jobs, done, stop = 40, MemoryJobs(), list[str](), threading.Event()

    def do(job: Job) -> None:
        done.append(job.id)

    tasks: list[Callable[[threading.Event], None]] = [
        Worker(jobs, dispatch, {"embed": do, "verify": do}, name="w", concurrency=3).run
    ]
    if dispatch.needs_relay:
        tasks += [Relay(jobs, dispatch, every_s=0.01).run] * 2
    running = [threading.Thread(target=task, args=(stop,), daemon=True) for task in tasks]
    for thread in running:
        thread.start()
    try:
        put_in = {jobs.enqueue(kind, collection="c", payload={}).id for kind in ["embed", "verify"] * (N // 2)}
        eventually(lambda: len(done) >= N and all(job.state is JobState.DONE for job in jobs.jobs(limit=N)))
    finally:
        stop.set()
        for thread in running:
            thread.join(60.0)
    assert (len(done), set(done)) == (N, put_in)
