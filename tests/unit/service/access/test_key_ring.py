"""A running service takes notice of changed keys, and of a damaged file only in its log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lookalike.core.errors import BadInput
from lookalike.service.access import key_ring as module
from lookalike.service.access.key_file import add_key, revoke_key
from lookalike.service.access.key_ring import KeyRing
from lookalike.service.access.principal import Scope

NOW = 1_000_000.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_key(path: Path, name: str = "phone") -> str:
    return add_key(path, name, scopes=[Scope.READ], now=NOW)[1]


def test_who_asks_with_a_key_is_known(path: Path, clock: Clock) -> None:
    key = new_key(path)
    ring = KeyRing(path, clock=clock, now=lambda: NOW)
    principal = ring.principal_of(key)
    assert principal is not None
    assert (principal.name, principal.kind, principal.key_id) == ("phone", "key", key[3:11])
    assert ring.principal_of(key[:-1] + ("A" if key[-1] != "A" else "B")) is None


def test_a_change_counts_after_a_second_and_not_before(path: Path, clock: Clock) -> None:
    key = new_key(path)
    ring = KeyRing(path, clock=clock, now=lambda: NOW)
    other = new_key(path, "tablet")
    revoke_key(path, key[3:11], now=NOW)
    clock.at += 0.9
    assert ring.principal_of(key) is not None
    assert ring.principal_of(other) is None
    clock.at += 0.1
    assert ring.principal_of(key) is None
    assert ring.principal_of(other) is not None
    assert not ring.is_good(key[3:11])
    assert ring.is_good(other[3:11])
    assert not ring.is_good("00000000")


def test_the_file_is_not_read_while_it_is_the_same(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key(path)
    ring = KeyRing(path, clock=clock, now=lambda: NOW)
    monkeypatch.setattr(module, "read_keys", lambda _: pytest.fail("read again"))
    for _ in range(3):
        clock.at += 5
        assert ring.principal_of(key) is not None


@pytest.mark.parametrize("damage", ["not json", None], ids=["damaged", "gone"])
def test_the_last_good_keys_stay_in_force_and_the_log_says_so_once(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, damage: str | None
) -> None:
    key = new_key(path)
    ring = KeyRing(path, clock=clock, now=lambda: NOW)
    content = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            clock.at += 1
            assert ring.principal_of(key) is not None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "stay in force" in caplog.text
    path.write_bytes(content.replace(b'"phone"', b'"fixed"'))
    path.chmod(0o600)
    clock.at += 1
    principal = ring.principal_of(key)
    assert principal is not None
    assert principal.name == "fixed"


def test_a_service_does_not_start_with_a_damaged_file(path: Path) -> None:
    path.write_text("{}")
    with pytest.raises(BadInput, match="damaged"):
        KeyRing(path)


def test_neither_log_nor_repr_shows_a_secret(path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    key = new_key(path)
    with caplog.at_level(logging.DEBUG):
        ring = KeyRing(path, clock=clock, now=lambda: NOW)
        ring.principal_of(key)
        ring.principal_of(key + "x")
    assert key[12:] not in caplog.text + repr(ring) + repr(ring.principal_of(key))
