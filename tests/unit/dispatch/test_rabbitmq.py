"""What becomes of notices when RabbitMQ, or the line to it, fails: on a real one."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from secrets import token_hex
from typing import Any

import pytest

pytest.importorskip("aio_pika", reason="the extra rabbitmq is not installed")

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from chain.rabbitmq import RabbitServer
from lookalike.core.errors import BadInput, ServiceDown
from lookalike.core.retrying import Retrying
from lookalike.dispatch.base import Consumer, DeadLetter, Notice
from lookalike.dispatch.rabbitmq import RabbitDispatch
from lookalike.jobs.base import Job, JobState
from lookalike.jobs.memory import MemoryJobs
from lookalike.worker import Worker
from lookalike.worker.relay import Relay
from tests.servers.proxy import Proxy, line_to
from tests.threads import running
from tests.waiting import eventually

KIND = "embed"
AT_ONCE = Retrying(attempts=1)


@pytest.fixture
def name() -> str:
    """Of queues that no other test has."""
    return f"test-{token_hex(4)}"


@pytest.fixture
def line(rabbit_server: RabbitServer) -> Iterator[Proxy]:
    with line_to(rabbit_server.port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("relay", "worker"):
        monkeypatch.setattr(f"lookalike.worker.{module}.backoff_s", lambda failures: 0.05)


def url_of(port: int, *, user: str = "guest", password: str = "guest", vhost: str = "") -> str:
    return f"amqp://{user}:{password}@127.0.0.1:{port}/{vhost}"


def notices(count: int) -> list[Notice]:
    return [Notice(f"{number:032x}", KIND) for number in range(count)]


def on_a_channel(server: RabbitServer | str, use: Callable[[AbstractChannel], Awaitable[Any]]) -> Any:
    """What somebody beside us sees and does there: at a server, or by a URL of one."""

    async def run() -> Any:
        async with await aio_pika.connect(server if isinstance(server, str) else server.url) as connection:
            return await use(await connection.channel())

    return asyncio.run(run())


def let_it_settle() -> None:
    """RabbitMQ 3.10 writes the names of new quorum queues down twice a second: one that was declared in the half second
    before its node is killed is there afterwards, and answers nobody."""
    time.sleep(1.5)


def waiting(server: RabbitServer | str, queue: str) -> int:
    async def count(channel: AbstractChannel) -> int:
        declared = await channel.declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)

    return int(on_a_channel(server, count))


def take_one(server: RabbitServer, queue: str) -> AbstractIncomingMessage:
    async def take(channel: AbstractChannel) -> AbstractIncomingMessage | None:
        return await (await channel.get_queue(queue, ensure=False)).get(no_ack=True, fail=False)

    message = eventually(lambda: on_a_channel(server, take))
    assert isinstance(message, AbstractIncomingMessage)
    return message


def receive_all(dispatch: RabbitDispatch, expected: set[Notice]) -> list[Notice]:
    """All that comes until each that was expected has come; consumers are made anew where they are lost."""
    received: list[Notice] = []

    def receive() -> bool:
        with suppress(ServiceDown), closing(dispatch.consumer([KIND], prefetch=10)) as consumer:
            while (delivery := consumer.receive(wait_s=0.3)) is not None:
                received.append(delivery.notice)
                consumer.ack(delivery)
        return set(received) >= expected

    eventually(receive)
    return received


# --- the broker goes and comes back


def test_a_broker_that_is_killed_between_commit_and_publish_is_told_when_it_is_back_and_the_outbox_ends_empty(
    rabbit_server: RabbitServer, name: str
) -> None:
    N, jobs, done = 20, MemoryJobs(), list[str]()
    with closing(RabbitDispatch(rabbit_server.url, name=name, look_every_s=3_600.0, retrying=AT_ONCE)) as dispatch:
        worker = Worker(jobs, dispatch, {KIND: lambda job: done.append(job.id)}, name="w", concurrency=2)
        with running(worker.run, Relay(jobs, dispatch, every_s=0.01).run):
            jobs.enqueue(KIND, collection="c", payload={})
            eventually(lambda: len(done) == 1)
            let_it_settle()
            rabbit_server.kill()
            try:
                ids = {jobs.enqueue(KIND, collection="c", payload={}).id for _ in range(N)}
                time.sleep(0.2)
                assert len(jobs.outbox()) > 0 or len(done) > 1  # a worker that has lost its consumer looks, too
            finally:
                rabbit_server.start()
            eventually(lambda: set(done) >= ids and jobs.outbox() == [])
            eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)
    assert sorted(done) == sorted({*done})
    assert all(job.state is JobState.DONE for job in jobs.jobs(limit=N + 1))


def test_what_was_confirmed_is_there_after_the_broker_was_killed(rabbit_server: RabbitServer, name: str) -> None:
    sent = notices(50)
    with closing(RabbitDispatch(rabbit_server.url, name=name)) as dispatch:
        dispatch.publish(sent)
        let_it_settle()
        rabbit_server.kill()
        rabbit_server.start()
        assert set(receive_all(dispatch, set(sent))) == set(sent)


def test_a_broker_that_is_restarted_under_its_consumers_loses_nothing_and_they_go_on(
    rabbit_server: RabbitServer, name: str
) -> None:
    N, jobs, done = 30, MemoryJobs(), list[str]()

    def do(job: Job) -> None:
        time.sleep(0.02)
        done.append(job.id)

    dispatches = [RabbitDispatch(rabbit_server.url, name=name, look_every_s=3_600.0) for _ in range(2)]
    workers = [Worker(jobs, one, {KIND: do}, name="w", concurrency=2) for one in dispatches]
    with running(*(worker.run for worker in workers), *(Relay(jobs, one, every_s=0.01).run for one in dispatches)):
        first = {jobs.enqueue(KIND, collection="c", payload={}).id for _ in range(N)}
        eventually(lambda: len(done) > 3)
        rabbit_server.stop()
        rabbit_server.start()
        second = {jobs.enqueue(KIND, collection="c", payload={}).id for _ in range(N)}
        eventually(lambda: set(done) == first | second and jobs.outbox() == [])
        eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)
    for one in dispatches:
        one.close()
    assert len(done) == 2 * N


def test_who_waits_for_notices_is_told_when_the_broker_is_killed(rabbit_server: RabbitServer, name: str) -> None:
    with closing(RabbitDispatch(rabbit_server.url, name=name, retrying=AT_ONCE)) as dispatch:
        consumer = dispatch.consumer([KIND])
        dispatch.publish(notices(1))
        delivery = consumer.receive(wait_s=60.0)
        assert delivery is not None
        let_it_settle()
        rabbit_server.kill()
        try:
            with pytest.raises(ServiceDown, match=r"the connection to RabbitMQ at .* was lost .*: connect again"):
                consumer.receive(wait_s=60.0)
            with pytest.raises(ServiceDown):
                consumer.ack(delivery)
            with pytest.raises(ServiceDown):
                consumer.nack(delivery)
            consumer.close()
            for call in (lambda: dispatch.publish(notices(1)), lambda: dispatch.consumer([KIND])):
                with pytest.raises(ServiceDown, match=r"no connection was made .*: start it, or correct the URL"):
                    call()
        finally:
            rabbit_server.start()
        assert receive_all(dispatch, set(notices(1))) == notices(1)


# --- the line


def test_a_confirmation_that_is_lost_has_the_notice_twice_and_the_job_once(
    rabbit_server: RabbitServer, line: Proxy, name: str
) -> None:
    jobs, done = MemoryJobs(), list[str]()
    job = jobs.enqueue(KIND, collection="c", payload={})
    with closing(RabbitDispatch(url_of(line.port), name=name, timeout_s=1.0, retrying=AT_ONCE)) as dispatch:
        dispatch.publish([])
        dispatch.consumer([KIND]).close()  # the queue is there
        relay = Relay(jobs, dispatch)
        with pytest.raises(ServiceDown):
            _publish_unconfirmed(dispatch, line, relay, rabbit_server, name)
        assert [row.job_id for row in jobs.outbox()] == [job.id]
        line.keeps_answers.clear()
        eventually(lambda: _publishes(relay))
        assert jobs.outbox() == []
        eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 2)
        worker = Worker(jobs, dispatch, {KIND: lambda job: done.append(job.id)}, name="w")
        with running(worker.run):
            eventually(lambda: jobs.get(job.id).state is JobState.DONE)
            eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)
    assert done == [job.id]


def _publish_unconfirmed(dispatch: RabbitDispatch, line: Proxy, relay: Relay, server: RabbitServer, name: str) -> None:
    """The channel is open already, so that what goes out is the notice, and what is kept is its confirmation."""
    dispatch.publish([Notice("f" * 32, KIND)])
    take_one(server, f"{name}.{KIND}")
    line.keeps_answers.set()
    relay.publish_some()


def _publishes(relay: Relay) -> bool:
    with suppress(ServiceDown):
        return relay.publish_some() == 1
    return False


def test_a_line_that_is_dead_without_a_word_is_noticed_and_another_connection_made(line: Proxy, name: str) -> None:
    with closing(
        RabbitDispatch(url_of(line.port), name=name, heartbeat_s=1, timeout_s=2.0, retrying=AT_ONCE)
    ) as dispatch:
        consumer = dispatch.consumer([KIND])
        line.keeps_all.set()
        with pytest.raises(ServiceDown, match=r"did not: look whether it is overloaded|was lost"):
            dispatch.publish(notices(1))
        with pytest.raises(ServiceDown):  # by its heartbeat
            consumer.receive(wait_s=60.0)
        consumer.close()
        line.keeps_all.clear()
        eventually(lambda: _is_published(dispatch))
        assert set(receive_all(dispatch, set(notices(1)))) == set(notices(1))


def _is_published(dispatch: RabbitDispatch) -> bool:
    with suppress(ServiceDown):
        dispatch.publish(notices(1))
        return True
    return False


def test_connections_that_are_cut_now_and_then_lose_nothing(
    rabbit_server: RabbitServer, line: Proxy, name: str
) -> None:
    N, jobs, done, stop = 60, MemoryJobs(), list[str](), threading.Event()
    dispatch = RabbitDispatch(url_of(line.port), name=name, look_every_s=3_600.0)

    def cut(stop: threading.Event) -> None:
        while not stop.wait(0.15):
            line.cut()

    def put_in(_: threading.Event) -> None:
        for _ in range(N):
            jobs.enqueue(KIND, collection="c", payload={})
            time.sleep(0.01)

    worker = Worker(jobs, dispatch, {KIND: lambda job: done.append(job.id)}, name="w", concurrency=3)
    cutting = threading.Thread(target=cut, args=(stop,))
    cutting.start()
    with running(worker.run, Relay(jobs, dispatch, every_s=0.01).run, put_in):
        try:
            eventually(lambda: len(done) >= N // 2)
        finally:
            stop.set()
            cutting.join()
        eventually(lambda: len(done) == N and jobs.outbox() == [])
        eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)
    dispatch.close()
    assert len(set(done)) == N


# --- who is told of what


def test_duplicates_cost_a_look_each_and_the_job_is_done_once(rabbit_server: RabbitServer, name: str) -> None:
    jobs, done = MemoryJobs(), list[str]()
    with closing(RabbitDispatch(rabbit_server.url, name=name, look_every_s=3_600.0)) as dispatch:
        job = jobs.enqueue(KIND, collection="c", payload={})
        dispatch.publish([Notice(job.id, KIND)] * 20)
        Relay(jobs, dispatch).publish_some()
        workers = [Worker(jobs, dispatch, {KIND: lambda job: done.append(job.id)}, name="w") for _ in range(2)]
        with running(*(worker.run for worker in workers)):
            eventually(lambda: jobs.get(job.id).state is JobState.DONE)
            eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)
    assert done == [job.id]
    assert jobs.outbox() == []


def test_a_busy_worker_keeps_no_notice_from_an_idle_one(rabbit_server: RabbitServer, name: str) -> None:
    N, jobs, done, may_end = 5, MemoryJobs(), list[str](), threading.Event()

    def do(job: Job) -> None:
        if job.payload["is_long"]:
            assert may_end.wait(60)
        done.append(job.id)

    with closing(RabbitDispatch(rabbit_server.url, name=name, look_every_s=3_600.0)) as dispatch:
        workers = [Worker(jobs, dispatch, {KIND: do}, name="w") for _ in range(2)]
        with running(*(worker.run for worker in workers), Relay(jobs, dispatch, every_s=0.01).run):
            jobs.enqueue(KIND, collection="c", payload={"is_long": True})
            eventually(lambda: jobs.facts().running == 1)
            short = {jobs.enqueue(KIND, collection="c", payload={"is_long": False}).id for _ in range(N)}
            eventually(lambda: set(done) == short)
            may_end.set()
            eventually(lambda: len(done) == N + 1)


def test_what_comes_back_too_often_is_set_aside_and_so_is_what_is_no_notice(
    rabbit_server: RabbitServer, name: str
) -> None:
    with closing(RabbitDispatch(rabbit_server.url, name=name, delivery_limit=3)) as dispatch:
        consumer = dispatch.consumer([KIND])
        dispatch.publish(notices(1))
        came = 0
        while (delivery := consumer.receive(wait_s=1.0)) is not None:
            came += 1
            consumer.nack(delivery)
        dead = take_one(rabbit_server, f"{name}.{KIND}.dead")
        assert came == 4  # once, and three times again
        assert dead.headers["x-first-death-reason"] == "delivery_limit"

        async def publish_rubbish(channel: AbstractChannel) -> None:
            exchange = await channel.get_exchange(name, ensure=False)
            for body in (b"\xff", b"[]", b'{"job_id": 1}', b"[" * 100_000):
                await exchange.publish(aio_pika.Message(body), routing_key=KIND)

        on_a_channel(rabbit_server, publish_rubbish)
        dispatch.publish(notices(1))
        delivery = consumer.receive(wait_s=60.0)
        assert delivery is not None
        assert delivery.notice == notices(1)[0]
        eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}.dead") == 4)


def test_a_job_that_was_given_up_tells_why_in_the_headers_of_its_dead_letter(
    rabbit_server: RabbitServer, name: str
) -> None:
    jobs = MemoryJobs(max_attempts=5)

    def fail(job: Job) -> None:
        raise ZeroDivisionError("ä mistake of ours" * 10_000)

    with closing(RabbitDispatch(rabbit_server.url, name=name, look_every_s=0.05)) as dispatch:
        worker = Worker(jobs, dispatch, {KIND: fail}, name="w")
        with pytest.MonkeyPatch.context() as patch, running(worker.run):
            patch.setattr("lookalike.worker.policy.backoff_s", lambda attempts, random: 0.01)
            job = jobs.enqueue(KIND, collection="c", payload={})
            eventually(lambda: jobs.get(job.id).state is JobState.FAILED)
            letter = take_one(rabbit_server, f"{name}.{KIND}.dead")
    row = jobs.get(job.id)
    assert (letter.headers["code"], letter.headers["attempts"]) == (row.code, 5) == ("gave_up", 5)
    assert letter.headers["detail"] == row.detail
    assert "mistake of ours" in str(letter.headers["trace"])
    assert job.id in letter.body.decode()


def test_nobody_depends_on_dead_letters(rabbit_server: RabbitServer, name: str) -> None:
    jobs = MemoryJobs(max_attempts=1)

    def fail(job: Job) -> None:
        raise ZeroDivisionError

    with closing(RabbitDispatch(url_of(1), name=name, look_every_s=0.05, retrying=AT_ONCE)) as dispatch:
        with running(Worker(jobs, dispatch, {KIND: fail}, name="w").run):
            job = jobs.enqueue(KIND, collection="c", payload={})
            eventually(lambda: jobs.get(job.id).state is JobState.FAILED)
        with pytest.raises(ServiceDown):
            dispatch.set_aside(DeadLetter(Notice(job.id, KIND), "gave_up", "why", 1))


# --- alarms


@pytest.mark.parametrize("resource", ["disk", "memory"])
def test_a_broker_whose_disk_or_memory_is_nearly_full_says_so_in_time_and_acknowledgements_go_on(
    rabbit_server: RabbitServer, name: str, resource: str
) -> None:
    with closing(RabbitDispatch(rabbit_server.url, name=name, timeout_s=1.0, retrying=AT_ONCE)) as dispatch:
        dispatch.publish(notices(2))
        consumer = dispatch.consumer([KIND], prefetch=2)
        rabbit_server.control("eval", f"rabbit_alarm:set_alarm({{{{resource_limit, {resource}, node()}}, []}}).")
        try:
            for _ in range(2):
                with pytest.raises(ServiceDown, match="its disk or its memory is nearly full: free some"):
                    dispatch.publish(notices(3)[2:])
            for _ in range(2):
                delivery = consumer.receive(wait_s=60.0)
                assert delivery is not None
                consumer.ack(delivery)
        finally:
            rabbit_server.control("eval", f"rabbit_alarm:clear_alarm({{resource_limit, {resource}, node()}}).")
        eventually(lambda: _is_published(dispatch))
        consumer.close()
        receive_all(dispatch, {notices(1)[0]})
        eventually(lambda: waiting(rabbit_server, f"{name}.{KIND}") == 0)


# --- what is set otherwise


def refused(url: str, name: str, *, match: str) -> None:
    """Both who publishes and who consumes are told, at once."""
    with closing(RabbitDispatch(url, name=name, timeout_s=30.0)) as dispatch:
        for call in (lambda: dispatch.publish(notices(1)), lambda: dispatch.consumer([KIND])):
            with pytest.raises(ServiceDown, match=match) as told:
                call()
            assert "\n" not in str(told.value)
            assert "secret" not in str(told.value)


def test_a_wrong_password_is_told_without_it(rabbit_server: RabbitServer, name: str) -> None:
    url = url_of(rabbit_server.port, user="ann", password="secret")
    refused(url, name, match=r"to let 'ann' in, but it refused .*: correct the broker's URL, or set the password")


def test_a_vhost_that_is_not_there_is_told(rabbit_server: RabbitServer, name: str) -> None:
    url = url_of(rabbit_server.port, vhost="nowhere")
    refused(url, name, match=r"to have the vhost 'nowhere' .*`rabbitmqctl add_vhost nowhere`")


def test_a_permission_that_lacks_is_told(rabbit_server: RabbitServer, name: str) -> None:
    rabbit_server.control("add_user", name, "secret")
    rabbit_server.control("set_permissions", name, "^$", "^$", "^$")
    url = url_of(rabbit_server.port, user=name, password="secret")
    refused(url, name, match=rf"permissions to configure, write and read {name}\* .*rabbitmqctl set_permissions -p /")
    rabbit_server.control("set_permissions", name, *[f"^{name}"] * 3)
    with closing(RabbitDispatch(url, name=name)) as dispatch:  # what it says to do is enough
        dispatch.publish(notices(1))
        dispatch.set_aside(DeadLetter(notices(1)[0], "gave_up", "why", 1))
        assert receive_all(dispatch, set(notices(1))) == notices(1)


def test_a_queue_that_is_declared_otherwise_is_told(rabbit_server: RabbitServer, name: str) -> None:
    async def declare(channel: AbstractChannel) -> None:
        await channel.declare_queue(f"{name}.{KIND}", durable=True)

    on_a_channel(rabbit_server, declare)
    refused(
        rabbit_server.url, name, match=r"as it is declared here, got .*inequivalent arg.*`rabbitmqctl delete_queue`"
    )


def test_a_queue_that_is_deleted_meanwhile_is_declared_again(rabbit_server: RabbitServer, name: str) -> None:
    async def delete(channel: AbstractChannel) -> None:
        await channel.queue_delete(f"{name}.{KIND}")

    with closing(RabbitDispatch(rabbit_server.url, name=name)) as dispatch:
        dispatch.publish(notices(1))
        consumer = dispatch.consumer([KIND])
        on_a_channel(rabbit_server, delete)
        with pytest.raises(ServiceDown, match="its queue was deleted"):
            _receive_on(consumer)
        consumer.close()
        dispatch.publish(notices(2))
        assert set(receive_all(dispatch, set(notices(2)))) == set(notices(2))


def _receive_on(consumer: Consumer) -> None:
    while consumer.receive(wait_s=60.0) is not None:
        pass


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00", b""])
def test_what_is_no_broker_is_told(name: str, answer: bytes) -> None:
    with (
        saying(answer) as port,
        closing(RabbitDispatch(url_of(port), name=name, timeout_s=30.0, retrying=AT_ONCE)) as dispatch,
        pytest.raises(ServiceDown, match=r": correct the port|: connect again, or look at its log"),
    ):
        dispatch.publish(notices(1))


def test_a_broker_that_is_too_old_is_told(
    rabbit_server: RabbitServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.dispatch.rabbitmq.connection.OLDEST", (99, 1))
    refused(
        rabbit_server.url, name, match=r"expected RabbitMQ 99\.1 or later at .*, got 3\.\d+\.\d+|got \d.*: upgrade it"
    )


def test_a_broker_that_is_lost_is_told_and_looking_makes_nothing(rabbit_server: RabbitServer, name: str) -> None:
    with line_to(rabbit_server.port) as line, closing(RabbitDispatch(url_of(line.port), name=name)) as dispatch:
        dispatch.check()
        line.cut()  # of which the next look may learn
        eventually(lambda: _is_well(dispatch))
        line.close()
        eventually(lambda: not _is_well(dispatch))
    assert name not in rabbit_server.control("list_queues", "name") + rabbit_server.control("list_exchanges", "name")


def _is_well(dispatch: RabbitDispatch) -> bool:
    with suppress(ServiceDown):
        dispatch.check()
        return True
    return False


@pytest.mark.parametrize("url", ["", "http://a", "amqp:///", "amqp://h:port/", "guest:secret@h", "amqp://[::1"])
def test_a_url_that_is_none_is_told_without_it(url: str) -> None:
    with pytest.raises(BadInput, match="expected the broker as amqp://USER:SECRET@HOST:PORT/VHOST") as told:
        RabbitDispatch(url)
    assert "secret" not in str(told.value)


def test_nothing_is_asked_of_a_broker_before_it_is_needed() -> None:
    threads = threading.active_count()
    dispatch = RabbitDispatch(url_of(1))
    assert threading.active_count() == threads
    dispatch.close()


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """A server that says the same to everybody; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        client.recv(100)
                        client.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(60)
