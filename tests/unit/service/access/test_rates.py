"""Callers who ask too often are told when to come back, each on their own account."""

from __future__ import annotations

import logging
import secrets
import socket
import threading

import pytest
from limits.storage import MemoryStorage

from lookalike.core.errors import BadInput, MissingExtra, RateLimited
from lookalike.service.access.rates import Rates, open_rates


class BreakableStorage(MemoryStorage):
    """A server that may be down."""

    STORAGE_SCHEME = ["breakable"]  # noqa: RUF012  # as the library wants it

    def __init__(self) -> None:
        super().__init__(wrap_exceptions=True)
        self.is_down = False
        self.asked = 0  # while it was down

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if self.is_down:
            self.asked += 1
            raise ConnectionError("redis://user:hush@host")
        return super().acquire_entry(key, limit, expiry, amount)


def let_in(rates: Rates, name: str, *, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            rates.count(name)
            count += 1
        except RateLimited:
            continue
    return count


def test_so_many_are_let_in_and_no_more() -> None:
    rates = open_rates(5, "memory://")
    assert let_in(rates, "ann", times=20) == 5


def test_each_caller_has_an_account_of_their_own() -> None:
    rates = open_rates(3, "memory://")
    assert let_in(rates, "ann", times=10) == 3
    assert let_in(rates, "bob", times=10) == 3
    assert let_in(rates, "token:ann", times=2) == 2
    assert let_in(rates, "ann/bob", times=2) == 2


def test_who_asks_too_often_is_told_when_there_is_room_again() -> None:
    rates = open_rates(1, "memory://")
    rates.count("ann")
    with pytest.raises(RateLimited, match="at most 1 requests in a minute") as caught:
        rates.count("ann")
    assert 50 < caught.value.retry_after_s <= 60


def test_without_a_limit_nothing_is_counted() -> None:
    assert let_in(open_rates(0, "memory://"), "ann", times=1000) == 1000


def test_many_threads_get_no_more_than_one() -> None:
    rates, counts = open_rates(50, "memory://"), []
    threads = [threading.Thread(target=lambda: counts.append(let_in(rates, "ann", times=40))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 50


def test_while_the_counting_server_is_down_each_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    now = [1_000.0]
    storage = BreakableStorage()
    rates = Rates(4, storage=storage, clock=lambda: now[0])
    assert let_in(rates, "ann", times=2) == 2
    storage.is_down = True
    with caplog.at_level(logging.DEBUG):
        assert let_in(rates, "ann", times=10) == 4
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "hush" not in caplog.text
    assert storage.asked == 1  # nobody else waits for a server that does not answer
    storage.is_down = False
    assert let_in(rates, "ann", times=10) == 0
    now[0] += 5
    assert let_in(rates, "ann", times=10) == 2


@pytest.mark.parametrize(
    "storage", ["", "memory", "redis", "memcached://hush", "async+memory://hush", "redis+cluster://hush", "//[hush"]
)
def test_storage_that_is_not_known_is_refused_and_not_shown(storage: str) -> None:
    with pytest.raises(BadInput, match="redis://HOST") as caught:
        open_rates(1, storage)
    assert "hush" not in str(caught.value)


def test_a_storage_whose_library_is_missing_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[redis\]'") as caught:
        open_rates(1, "redis://user:hush@127.0.0.1:1/0")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_limit_below_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="0 or more"):
        open_rates(-1, "memory://")


def test_two_processes_count_together_in_redis() -> None:
    pytest.importorskip("redis", reason="needs the extra redis")
    address = "redis://127.0.0.1:6379/15"
    with socket.socket() as one:
        if one.connect_ex(("127.0.0.1", 6379)) != 0:
            pytest.skip("needs a Redis server on 127.0.0.1:6379")
    first, second = open_rates(3, address), open_rates(3, address)
    somebody = f"somebody {secrets.token_hex(8)}"

    first.count(somebody)
    second.count(somebody)
    first.count(somebody)

    for rates in (first, second):
        with pytest.raises(RateLimited) as refused:
            rates.count(somebody)
        assert 0 < refused.value.retry_after_s <= 60
