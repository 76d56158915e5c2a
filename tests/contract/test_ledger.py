"""What every ledger promises, over every engine, against plain dictionaries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lookalike.core.errors import BadInput, Conflict, NotFound, QuotaExceeded
from lookalike.ledger.base import KeptReply, Ledger, LedgerTransaction, Quota, ReplyQuota, Upload, UploadState
from tests.clock import Clock
from tests.contract.ledger_engines import LEDGERS, opening_ledgers

DAY_S = 24 * 3600.0
NOW = 1_000_000.0
REPLY = KeptReply(201, {"Location": "/v1/x"}, b'{"id": "\xff\0"}')


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(params=LEDGERS)
def engine(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    with opening_ledgers(request, clock) as open_ledger:
        yield open_ledger


@pytest.fixture
def ledger(engine: Callable[[], Ledger]) -> Ledger:
    return engine()


def upload(upload_id: object, **fields: Any) -> Upload:
    made = Upload(
        id=f"{upload_id:0>32}",
        collection="photos",
        owner="Zoë",
        state=UploadState.WAITING,
        size_bytes=10,
        content_type="image/jpeg",
        sha256="0" * 64,
        name="caf\udce9 ✂.jpg",
        created_at=NOW,
        expires_at=NOW + 900,
    )
    return replace(made, **fields)


def test_uploads_of_a_collection_that_is_gone_hold_nothing(ledger: Ledger) -> None:
    held = [upload(n, state=state) for n, state in enumerate(UploadState) if state.holds_bytes]
    done = upload(20, state=UploadState.STORED)
    others = [upload(21, collection="shoes"), upload(22, created_at=NOW + 1)]
    for one in (*held, done, *others):
        ledger.add_upload(one)

    assert ledger.end_uploads("photos", created_before=NOW + 1, code="gone", detail="it is gone") == len(held) == 4
    for one in held:
        assert ledger.upload(one.id) == replace(one, state=UploadState.FAILED, code="gone", detail="it is gone")
    for one in (done, *others):
        assert ledger.upload(one.id) == one
    ledger.add_upload(upload(23), quota=Quota(3, 1_000))
    assert ledger.end_uploads("photos", created_before=NOW, code="gone", detail="it is gone") == 0


def test_collections_of_which_uploads_hold_something_are_named_once(ledger: Ledger) -> None:
    assert ledger.holding() == []
    states = [UploadState.QUEUED, UploadState.WAITING, UploadState.QUARANTINED, UploadState.STORED, UploadState.FAILED]
    names = ["photos", "photos", "\ud800", "stored", "failed"]
    for n, (state, name) in enumerate(zip(states, names, strict=True)):
        ledger.add_upload(upload(n, state=state, collection=name))
    assert ledger.holding() == ["photos", "\ud800"]


def test_an_upload_is_kept_as_it_was(ledger: Ledger) -> None:
    metadata: Any = {"label": "\ud800\0", "n": 2**70, "x": [0.1, None, {"": True}]}
    added = upload(1, metadata=metadata, distance=0.1, completion="c" * 64, image_id="i", job_id="j", code="k")
    ledger.add_upload(added)
    assert ledger.upload(added.id) == added == ledger.uploads("photos")[0]
    added.metadata["label"] = "changed behind its back"
    assert ledger.upload(added.id).metadata == metadata | {"label": "\ud800\0"}


def test_two_uploads_of_one_id_clash(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    with pytest.raises(Conflict):
        ledger.add_upload(upload(1, owner="somebody else"))
    assert ledger.upload(upload(1).id).owner == "Zoë"


@pytest.mark.parametrize("upload_id", ["", "\ud800", "\0", "' OR 1=1 --", "1" * 32])
def test_what_is_not_there_is_not_found(ledger: Ledger, upload_id: str) -> None:
    with pytest.raises(NotFound):
        ledger.upload(upload_id)
    with pytest.raises(NotFound):
        ledger.advance_upload(replace(upload(1), id=upload_id), only_from=list(UploadState))


@pytest.mark.parametrize("metadata", [{"a": float("inf")}, {"a": b"x"}, {"a": object()}])
def test_metadata_that_are_no_json_are_refused(ledger: Ledger, metadata: Any) -> None:
    with pytest.raises(BadInput):
        ledger.add_upload(upload(1, metadata=metadata))
    with pytest.raises(NotFound):
        ledger.upload(upload(1).id)


def test_an_upload_advances_only_from_the_states_given(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    queued = upload(1, state=UploadState.QUEUED, job_id="j")
    assert ledger.advance_upload(queued, only_from=[UploadState.WAITING]) == queued
    with pytest.raises(Conflict) as clash:
        ledger.advance_upload(upload(1, state=UploadState.EXPIRED), only_from={UploadState.WAITING})
    assert clash.value.code == "upload_state"
    with pytest.raises(Conflict):
        ledger.advance_upload(upload(1), only_from=[])
    assert ledger.upload(queued.id) == queued


def test_of_many_that_advance_an_upload_at_once_one_succeeds(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    won: list[str] = []

    def advance(name: str) -> None:
        try:
            ledger.advance_upload(upload(1, state=UploadState.QUEUED, job_id=name), only_from=[UploadState.WAITING])
        except Conflict:
            return
        won.append(name)

    together(advance, [str(number) for number in range(8)])
    assert won == [ledger.upload(upload(1).id).job_id]


def test_uploads_are_listed_newest_first_by_collection_and_state(ledger: Ledger) -> None:
    for number, (collection, state) in enumerate([("a", "waiting"), ("b", "kept"), ("a", "kept"), ("a", "waiting")]):
        ledger.add_upload(upload(number, collection=collection, state=UploadState(state)))
    assert ids(ledger.uploads("a")) == [3, 2, 0]
    assert ids(ledger.uploads("a", limit=2)) == [3, 2]
    assert ids(ledger.uploads("a", state=UploadState.KEPT)) == [2]
    assert ids(ledger.uploads("\ud800")) == ids(ledger.uploads("a", limit=-1)) == []


def test_uploads_whose_time_is_over_are_found_oldest_first_while_they_wait(ledger: Ledger) -> None:
    for number, expires_at in enumerate([NOW + 5, NOW - 5, NOW, NOW - 9]):
        ledger.add_upload(upload(number, expires_at=expires_at))
    ledger.add_upload(upload(9, expires_at=NOW - 9, state=UploadState.QUEUED))
    assert ids(ledger.expired_uploads(NOW)) == [1, 2, 3]
    assert ids(ledger.expired_uploads(NOW, limit=2)) == [1, 2]


def test_the_same_request_gets_the_first_reply_again(ledger: Ledger) -> None:
    assert begun(ledger) is None
    ledger.finish("k", REPLY, holder="me")
    assert begun(ledger) == REPLY
    ledger.finish("k", replace(REPLY, status=500), holder="me")
    ledger.abandon("k", holder="me")
    assert begun(ledger) == REPLY
    assert begun(ledger, now=NOW + DAY_S - 1) == REPLY
    assert begun(ledger, now=NOW + DAY_S, body_hash="another") is None


def test_another_request_under_the_same_key_is_refused(ledger: Ledger) -> None:
    begun(ledger)
    assert conflict(ledger, body_hash="another") == "idempotency_mismatch"
    ledger.finish("k", REPLY, holder="me")
    assert conflict(ledger, body_hash="another") == "idempotency_mismatch"
    assert begun(ledger, key="\ud800") is None


def test_a_request_that_runs_keeps_the_next_out_for_half_a_minute(ledger: Ledger) -> None:
    begun(ledger)
    assert conflict(ledger) == conflict(ledger, now=NOW + 29) == "idempotency_running"
    assert begun(ledger, now=NOW + 31, body_hash="another") is None
    assert conflict(ledger, now=NOW + 32, body_hash="another") == "idempotency_running"


def test_a_request_that_runs_and_says_so_keeps_the_next_out_for_as_long_as_it_does(ledger: Ledger) -> None:
    begun(ledger)
    for seconds in range(20, 2_000, 20):
        ledger.renew("k", holder="me", now=NOW + seconds)
        assert conflict(ledger, now=NOW + seconds + 19) == "idempotency_running"
    ledger.finish("k", REPLY, holder="me")
    ledger.renew("k", holder="me", now=NOW + 3_000)
    assert begun(ledger, now=NOW + 3_000) == REPLY


def test_where_no_time_is_given_a_key_is_free_by_the_clock_of_the_ledger(ledger: Ledger, clock: Clock) -> None:
    def begin() -> KeptReply | None:
        return ledger.begin("k", caller="ann", body_hash="h", holder="me", expires_at=NOW + DAY_S)

    assert begin() is None
    clock.now += 25
    ledger.renew("k", holder="me")
    clock.now += 29
    with pytest.raises(Conflict) as clash:
        begin()
    assert clash.value.retry_after_s == pytest.approx(1)
    clock.now += 2
    assert begin() is None


def test_who_has_lost_a_key_neither_renews_nor_ends_what_another_began(ledger: Ledger) -> None:
    begun(ledger, holder="lost")
    assert begun(ledger, holder="me", now=NOW + 31) is None
    ledger.renew("k", holder="lost", now=NOW + 60)
    ledger.finish("k", replace(REPLY, status=500), holder="lost")
    ledger.abandon("k", holder="lost")
    assert conflict(ledger, now=NOW + 60) == "idempotency_running"
    ledger.finish("k", REPLY, holder="me")
    assert begun(ledger, now=NOW + 62) == REPLY


@pytest.mark.parametrize("passed_s", [0, 12.5, 29])
def test_a_key_that_runs_tells_when_it_is_free_at_the_latest(ledger: Ledger, passed_s: float) -> None:
    begun(ledger)
    with pytest.raises(Conflict) as clash:
        begun(ledger, now=NOW + passed_s)
    assert clash.value.retry_after_s is not None
    assert clash.value.retry_after_s == pytest.approx(30 - passed_s)
    assert begun(ledger, now=NOW + passed_s + clash.value.retry_after_s) is None


def test_what_an_owner_holds_is_bounded_in_number_and_bytes(ledger: Ledger) -> None:
    quota = Quota(uploads=3, size_bytes=100)
    for number, size_bytes in enumerate([40, 60]):
        ledger.add_upload(replace(upload(number), size_bytes=size_bytes), quota=quota)
    with pytest.raises(QuotaExceeded) as told:
        ledger.add_upload(replace(upload(2), size_bytes=1), quota=quota)
    assert told.value.values == {"limit": 3, "limit_bytes": 100, "held": 2, "held_bytes": 100, "got_bytes": 1}
    ledger.add_upload(replace(upload(3), size_bytes=100, owner="another"), quota=quota)
    ledger.add_upload(replace(upload(4), size_bytes=0), quota=quota)
    with pytest.raises(QuotaExceeded):
        ledger.add_upload(replace(upload(5), size_bytes=0), quota=quota)
    assert sorted(ids(ledger.uploads("photos"))) == [0, 1, 3, 4]


@pytest.mark.parametrize("state", UploadState)
def test_what_has_ended_counts_no_longer_unless_its_bytes_are_kept(ledger: Ledger, state: UploadState) -> None:
    quota = Quota(uploads=1, size_bytes=1_000_000)
    ledger.add_upload(upload(0), quota=quota)
    ledger.advance_upload(upload(0, state=state), only_from=[UploadState.WAITING])
    if state in ("waiting", "provisional", "queued", "quarantined"):
        with pytest.raises(QuotaExceeded):
            ledger.add_upload(upload(1), quota=quota)
    else:
        ledger.add_upload(upload(1), quota=quota)


def test_what_was_abandoned_may_be_tried_again(ledger: Ledger) -> None:
    begun(ledger)
    ledger.abandon("k", holder="me")
    ledger.abandon("k", holder="me")
    ledger.finish("k", REPLY, holder="me")  # nothing was begun: nothing is kept
    assert begun(ledger, body_hash="another") is None


def test_of_many_that_begin_at_once_one_may(ledger: Ledger) -> None:
    may: list[str] = []

    def begin(name: str) -> None:
        try:
            assert begun(ledger) is None
        except Conflict:
            return
        may.append(name)

    together(begin, [str(number) for number in range(8)])
    assert len(may) == 1


def test_a_ticket_works_once(ledger: Ledger) -> None:
    ledger.put_ticket("d", principal='{"name": "Zoë"}', expires_at=NOW + 30)
    assert ledger.take_ticket("d", now=NOW) == '{"name": "Zoë"}'
    assert ledger.take_ticket("d", now=NOW) is None
    assert ledger.take_ticket("\ud800", now=NOW) is None


def test_a_ticket_works_only_in_time_and_never_after(ledger: Ledger) -> None:
    ledger.put_ticket("d", principal="p", expires_at=NOW + 30)
    assert ledger.take_ticket("d", now=NOW + 30) is None
    assert ledger.take_ticket("d", now=NOW) is None


def test_of_many_that_use_a_ticket_at_once_one_succeeds(ledger: Ledger) -> None:
    ledger.put_ticket("d", principal="p", expires_at=NOW + 30)
    taken: list[str | None] = []
    together(lambda _: taken.append(ledger.take_ticket("d", now=NOW)), [str(number) for number in range(8)])
    assert sorted(taken, key=str) == [None] * 7 + ["p"]


def test_sweeping_forgets_what_expired_and_what_ended_long_ago(ledger: Ledger, clock: Clock) -> None:
    for number, state in enumerate(UploadState):
        ledger.add_upload(upload(number))
        clock.now = NOW
        ledger.advance_upload(upload(number, state=state), only_from=[UploadState.WAITING])
    begun(ledger)
    ledger.finish("k", REPLY, holder="me")
    ledger.put_ticket("d", principal="p", expires_at=NOW + 30)

    ledger.sweep(NOW + 29)
    assert begun(ledger) == REPLY
    assert len(ledger.uploads("photos")) == len(UploadState)
    ledger.sweep(NOW + 7.1 * DAY_S)
    waiting = {"waiting", "provisional", "queued"}
    assert {kept.state for kept in ledger.uploads("photos")} == {*waiting, "quarantined"}
    assert begun(ledger) is None
    assert ledger.take_ticket("d", now=NOW) is None
    ledger.sweep(NOW + 30.1 * DAY_S)
    assert {kept.state for kept in ledger.uploads("photos")} == waiting


class LedgerAgainstDictionaries(RuleBasedStateMachine):
    """Any order of calls gives what two dictionaries give."""

    make: Callable[[], Ledger]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = type(self).make()
        self.now = NOW
        self.keys: dict[str, tuple[str, float, KeptReply | None]] = {}
        self.tickets: dict[str, float] = {}

    def begun(self, key: str, body_hash: str) -> KeptReply | None:
        return self.ledger.begin(
            key, caller="ann", body_hash=body_hash, holder="me", now=self.now, expires_at=self.now + 2_000
        )

    @rule(key=st.sampled_from("kl"), body_hash=st.sampled_from("ab"))
    def begin(self, key: str, body_hash: str) -> None:
        was = self.keys.get(key)
        if was is not None and (self.now >= was[1] + 2_000 or (was[2] is None and self.now >= was[1] + 30)):
            was = None
        expected = None if was is None else was[2]
        if was is not None and (was[0] != body_hash or expected is None):
            code = "idempotency_mismatch" if was[0] != body_hash else "idempotency_running"
            with pytest.raises(Conflict) as clash:
                self.begun(key, body_hash)
            assert clash.value.code == code
            return
        assert self.begun(key, body_hash) == expected
        if was is None:
            self.keys[key] = (body_hash, self.now, None)

    @rule(key=st.sampled_from("kl"), status=st.integers(200, 299))
    def finish(self, key: str, status: int) -> None:
        reply = KeptReply(status, {}, b"")
        self.ledger.finish(key, reply, holder="me")
        if key in self.keys and self.keys[key][2] is None:
            self.keys[key] = (*self.keys[key][:2], reply)

    @rule(key=st.sampled_from("kl"))
    def abandon(self, key: str) -> None:
        self.ledger.abandon(key, holder="me")
        if key in self.keys and self.keys[key][2] is None:
            del self.keys[key]

    @rule(digest=st.sampled_from("de"), seconds=st.sampled_from([1, 500]))
    def put_ticket(self, digest: str, seconds: float) -> None:
        self.ledger.put_ticket(digest, principal=f"{digest}{self.now}", expires_at=self.now + seconds)
        self.tickets[digest] = self.now + seconds

    @rule(digest=st.sampled_from("de"))
    def take_ticket(self, digest: str) -> None:
        expires_at = self.tickets.pop(digest, 0.0)
        assert (self.ledger.take_ticket(digest, now=self.now) is not None) == (self.now < expires_at)

    @rule(seconds=st.sampled_from([1, 400, 1_500]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sweep(self) -> None:
        self.ledger.sweep(self.now)
        self.keys = {key: was for key, was in self.keys.items() if was[1] + 2_000 > self.now}

    @invariant()
    def there_are_no_uploads(self) -> None:
        assert self.ledger.uploads("photos") == []


def test_any_order_of_calls_gives_what_dictionaries_give(engine: Callable[[], Ledger]) -> None:
    class Machine(LedgerAgainstDictionaries):
        make = staticmethod(engine)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None)
    )


def ids(uploads: list[Upload]) -> list[int]:
    return [int(upload.id) for upload in uploads]


def begun(
    ledger: Ledger, *, key: str = "k", body_hash: str = "h", holder: str = "me", now: float = NOW
) -> KeptReply | None:
    return ledger.begin(key, caller="ann", body_hash=body_hash, holder=holder, now=now, expires_at=now + DAY_S)


def conflict(ledger: Ledger, *, key: str = "k", body_hash: str = "h", now: float = NOW) -> str:
    with pytest.raises(Conflict) as clash:
        begun(ledger, key=key, body_hash=body_hash, now=now)
    return clash.value.code


def together(do: Callable[[str], object], names: list[str]) -> None:
    threads = [threading.Thread(target=do, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def put_in(within: Any, **options: Any) -> Any:
    return within.jobs.enqueue("embed", collection="photos", payload={}, **options)


def test_a_transaction_changes_uploads_and_jobs_together(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    with ledger.transaction() as within:
        within.add_upload(upload(2))
        job = put_in(within)
        within.advance_upload(upload(1, state=UploadState.QUEUED, job_id=job.id), only_from=[UploadState.WAITING])
    assert ledger.upload(upload(1).id).job_id == job.id
    assert ledger.upload(upload(2).id) == upload(2)
    assert ledger.jobs.get(job.id) == job == ledger.jobs.jobs()[0]
    assert [row.job_id for row in ledger.jobs.outbox()] == [job.id]
    assert [event.job.id for event in ledger.jobs.events(0)[0]] == [job.id]


def change_all_and_raise(ledger: Ledger, error: BaseException) -> None:
    with ledger.transaction() as within:
        within.add_upload(upload(2))
        job = put_in(within)
        within.advance_upload(upload(1, state=UploadState.QUEUED, job_id=job.id), only_from=[UploadState.WAITING])
        begun = within.jobs.claim(["embed"], worker="w", lease_s=60)
        assert begun is not None
        assert within.jobs.finish(begun.id, lease=begun.lease, result=None)
        raise error


@pytest.mark.parametrize("error", [Conflict("no"), KeyboardInterrupt()], ids=["an error", "an end"])
def test_a_transaction_that_raises_has_changed_nothing(ledger: Ledger, error: BaseException) -> None:
    ledger.add_upload(upload(1))
    before = put_in(ledger, key="k")
    told = ledger.jobs.last_event()
    (row,) = ledger.jobs.outbox()
    with pytest.raises(type(error)):
        change_all_and_raise(ledger, error)
    assert ledger.upload(upload(1).id) == upload(1)
    with pytest.raises(NotFound):
        ledger.upload(upload(2).id)
    assert ledger.jobs.jobs() == [before]
    assert (ledger.jobs.last_event(), ledger.jobs.outbox()) == (told, [row])
    assert put_in(ledger, key="k") == before
    assert put_in(ledger, key="l").id != before.id
    assert ledger.jobs.last_event() == told + 1


def test_a_transaction_reads_what_it_has_changed(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    with ledger.transaction() as within:
        within.advance_upload(upload(1, state=UploadState.KEPT), only_from=[UploadState.WAITING])
        assert within.upload(upload(1).id).state is UploadState.KEPT
        job = put_in(within, key="k")
        assert within.jobs.get(job.id) == job == put_in(within, key="k")
        with pytest.raises(NotFound):
            within.upload("0" * 31 + "9")


def test_what_a_transaction_is_doing_is_seen_by_nobody_before_it_is_done(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))
    begun, seen = threading.Event(), list[object]()

    def look() -> None:
        begun.wait(60)
        seen.extend((ledger.upload(upload(1).id).state, len(ledger.jobs.jobs())))

    looking = threading.Thread(target=look)
    looking.start()
    with ledger.transaction() as within:
        job = put_in(within)
        begun.set()
        looking.join(0.3)  # it sees what was before, or waits
        within.advance_upload(upload(1, state=UploadState.QUEUED, job_id=job.id), only_from=[UploadState.WAITING])
    looking.join(60)
    assert seen in ([UploadState.WAITING, 0], [UploadState.QUEUED, 1])


def test_who_follows_events_misses_none_that_is_committed_late(ledger: Ledger) -> None:
    begun, go = threading.Event(), threading.Event()

    def put_in_late() -> None:
        with ledger.transaction() as within:
            put_in(within, key="late")
            begun.set()
            go.wait(0.5)  # where another engine keeps all others waiting, that is over soon

    def numbers(after: int) -> list[int]:
        return [event.seq for event in ledger.jobs.events(after)[0]]

    late = threading.Thread(target=put_in_late)
    late.start()
    begun.wait(60)
    put_in(ledger, key="early")
    seen = numbers(0)
    go.set()
    late.join(60)
    seen += numbers(seen[-1])
    assert seen == [1, 2]
    assert {event.job.id for event in ledger.jobs.events(0)[0]} == {job.id for job in ledger.jobs.jobs()}


def test_of_many_transactions_that_decide_by_what_they_read_one_acts(ledger: Ledger) -> None:
    ledger.add_upload(upload(1))

    def act(_: str) -> None:
        with ledger.transaction() as within:
            if within.upload(upload(1).id).state is UploadState.WAITING:
                job = put_in(within)
                queued = upload(1, state=UploadState.QUEUED, job_id=job.id)
                within.advance_upload(queued, only_from=[UploadState.WAITING])

    together(act, [str(number) for number in range(8)])
    assert [job.id for job in ledger.jobs.jobs()] == [ledger.upload(upload(1).id).job_id]


def keep_reply(
    ledger: Ledger, key: str, size_bytes: int, *, quota: ReplyQuota, caller: str = "ann", now: float
) -> None:
    """Begin and finish, with a reply of so many bytes."""
    body = b"x" * (size_bytes - len("{}"))
    assert ledger.begin(key, caller=caller, body_hash="h", holder="me", now=now, expires_at=NOW + DAY_S) is None
    ledger.finish(key, KeptReply(200, {}, body), holder="me", quota=quota)


def kept_with(within: LedgerTransaction, **changed: Any) -> KeptReply | None:
    """Keep the reply to a transaction."""
    said = {"caller": "ann", "body_hash": "h", "expires_at": NOW + DAY_S, "quota": None, **changed}
    return within.keep_reply("k", REPLY, **said)


def test_a_reply_is_kept_with_what_its_transaction_does_or_not_at_all(ledger: Ledger) -> None:
    def keep_and_fail() -> None:
        with ledger.transaction() as within:
            assert kept_with(within) is None
            within.add_upload(upload(1))
            within.add_upload(upload(1))

    with pytest.raises(Conflict):
        keep_and_fail()
    assert is_new(ledger, "k")

    with ledger.transaction() as within:
        assert kept_with(within) is None
        within.add_upload(upload(1))
    assert begun(ledger) == REPLY
    with ledger.transaction() as within:
        assert kept_with(within) == REPLY
    assert begun(ledger) == REPLY


def test_a_reply_is_not_kept_with_a_transaction_where_the_key_is_another_s(ledger: Ledger, clock: Clock) -> None:
    begun(ledger)
    for body_hash, code in [("h", "idempotency_running"), ("another", "idempotency_mismatch")]:
        with pytest.raises(Conflict) as clash, ledger.transaction() as within:
            kept_with(within, body_hash=body_hash)
        assert clash.value.code == code
    clock.now += 31
    with ledger.transaction() as within:
        assert kept_with(within, body_hash="another") is None
    assert begun(ledger, body_hash="another", now=NOW + 32) == REPLY
    assert conflict(ledger, now=NOW + 32) == "idempotency_mismatch"


def test_of_many_that_keep_the_reply_to_their_transactions_one_does_what_it_is_the_reply_to(ledger: Ledger) -> None:
    told: list[KeptReply | None] = []

    def act(name: str) -> None:
        with ledger.transaction() as within:
            told.append(kept_with(within))
            if told[-1] is None:
                within.add_upload(upload(name))

    together(act, [str(number) for number in range(8)])
    assert sorted(told, key=str) == [REPLY] * 7 + [None]
    assert len(ledger.uploads("photos")) == 1


def test_replies_that_are_kept_with_transactions_count_by_their_caller(ledger: Ledger) -> None:
    quota = ReplyQuota(1, 1_000)
    keep_reply(ledger, "before", 100, quota=quota, now=NOW - 1)
    with ledger.transaction() as within:
        kept_with(within, quota=quota)
    assert is_new(ledger, "before")
    assert begun(ledger) == REPLY


def test_a_quota_of_replies_is_kept_but_for_a_32nd(ledger: Ledger) -> None:
    quota = ReplyQuota(64, 1_000_000)
    for number in range(150):
        keep_reply(ledger, f"k{number}", 10, quota=quota, now=NOW + number / 100)
        if number >= 70:
            there = sum(not is_new(ledger, f"k{one}") for one in range(number - 70, number + 1))
            assert 64 <= there <= 66
            assert not is_new(ledger, f"k{number - 63}")


def is_new(ledger: Ledger, key: str, *, caller: str = "ann") -> bool:
    """Whether the same request would be done; it is not done then."""
    holder = "who looks"
    is_so = ledger.begin(key, caller=caller, body_hash="h", holder=holder, now=NOW + 9, expires_at=NOW + DAY_S) is None
    ledger.abandon(key, holder=holder)
    return is_so


@pytest.mark.parametrize(
    ("quota", "kept"),
    [(ReplyQuota(3, 10_000), 3), (ReplyQuota(100, 250), 2), (ReplyQuota(100, 300), 3), (ReplyQuota(2, 150), 1)],
)
def test_of_the_replies_of_a_caller_the_last_within_their_quota_are_kept(
    ledger: Ledger, quota: ReplyQuota, kept: int
) -> None:
    for number in range(6):
        keep_reply(ledger, f"k{number}", 100, quota=quota, now=NOW + number)
        assert not is_new(ledger, f"k{number}")
    assert [is_new(ledger, f"k{number}") for number in range(6)] == [True] * (6 - kept) + [False] * kept


def test_replies_of_other_callers_and_what_runs_are_left_alone(ledger: Ledger) -> None:
    quota = ReplyQuota(1, 1_000)
    keep_reply(ledger, "theirs", 900, quota=quota, caller="\ud800", now=NOW)
    begun(ledger, key="runs", now=NOW + 5)
    for number in range(3):
        keep_reply(ledger, f"k{number}", 900, quota=quota, now=NOW + number)
    assert not is_new(ledger, "theirs", caller="\ud800")
    assert not is_new(ledger, "k2")
    assert conflict(ledger, key="runs", now=NOW + 9) == "idempotency_running"


def test_a_reply_that_is_larger_than_all_that_is_kept_of_a_caller_pushes_no_other_out(ledger: Ledger) -> None:
    quota = ReplyQuota(10, 500)
    keep_reply(ledger, "small", 100, quota=quota, now=NOW)
    keep_reply(ledger, "large", 501, quota=quota, now=NOW + 1)
    assert is_new(ledger, "large")
    assert not is_new(ledger, "small")


def test_a_reply_that_comes_when_the_key_is_another_s_is_not_counted(ledger: Ledger) -> None:
    quota = ReplyQuota(1, 500)
    keep_reply(ledger, "kept", 100, quota=quota, now=NOW)
    begun(ledger, key="k", holder="me", now=NOW + 1)
    ledger.finish("k", REPLY, holder="somebody else", quota=quota)
    assert not is_new(ledger, "kept")
