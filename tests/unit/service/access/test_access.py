"""The one door: who is let in with which settings, and what they may do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import BadInput, NoCollection, NotAllowed, NotAuthenticated, RateLimited, ServiceDown
from lookalike.ledger.memory import MemoryLedger
from lookalike.service.access.access import Access, check_binding, open_access
from lookalike.service.access.key_file import add_key, revoke_key
from lookalike.service.access.principal import LOOPBACK, Principal, Scope
from lookalike.service.problems import no_collection
from tests.unit.service.access.minting import SECRET, minted, settings

HERE, ELSEWHERE = "127.0.0.1", "203.0.113.5"


def opened(home: Path, **changed: Any) -> Access:
    return open_access(settings(home, **changed), MemoryLedger())


def key_in(home: Path, *scopes: Scope, **more: Any) -> str:
    return add_key(home / "keys.json", "phone", scopes=scopes or (Scope.READ,), now=time.time(), **more)[1]


def is_let_in(access: Access, authorization: str | None, *, client: str = ELSEWHERE) -> bool:
    try:
        access.authenticate(authorization, client=client)
    except NotAuthenticated:
        return False
    return True


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_without_credentials_configured_this_machine_may_do_everything(tmp_path: Path, client: str) -> None:
    assert opened(tmp_path).authenticate(None, client=client) == LOOPBACK


@pytest.mark.parametrize("client", [ELSEWHERE, "10.0.0.1", "", "localhost", "testclient"])
def test_without_credentials_configured_nobody_else_is_let_in(tmp_path: Path, client: str) -> None:
    assert not is_let_in(opened(tmp_path), None, client=client)
    assert not is_let_in(opened(tmp_path), f"Bearer {minted()}", client=client)


def test_with_credentials_configured_this_machine_needs_them_too(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    by_key = opened(tmp_path, keys_file=tmp_path / "keys.json")
    by_token = opened(tmp_path, jwt_algorithm="HS256", jwt_secret=SECRET)
    assert not is_let_in(by_key, None, client=HERE)
    assert not is_let_in(by_token, None, client=HERE)
    assert is_let_in(by_key, f"Bearer {key}", client=HERE)
    assert is_let_in(by_token, f"Bearer {minted()}", client=HERE)


def test_a_file_without_keys_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"version": 1, "keys": []}')
    assert not is_let_in(opened(tmp_path, keys_file=tmp_path / "keys.json"), None, client=HERE)


def test_keys_and_tokens_are_accepted_side_by_side_and_each_only_where_configured(tmp_path: Path) -> None:
    key, token = f"Bearer {key_in(tmp_path)}", f"Bearer {minted()}"
    keys = {"keys_file": tmp_path / "keys.json"}
    tokens: dict[str, Any] = {"jwt_algorithm": "HS256", "jwt_secret": SECRET}
    accepted = [
        [is_let_in(opened(tmp_path, **configured), credential) for credential in (key, token)]
        for configured in (keys, tokens, {**keys, **tokens})
    ]
    assert accepted == [[True, False], [False, True], [True, True]]


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", "Bearer {} "])
def test_the_header_may_be_written_in_several_ways(tmp_path: Path, form: str) -> None:
    key = key_in(tmp_path)
    assert is_let_in(opened(tmp_path, keys_file=tmp_path / "keys.json"), form.format(key))


@pytest.mark.parametrize(
    "form",
    ["", "{}", "Bearer", "Bearer ", "Basic {}", "Bearer{}", "Bearer {} {}", "Bearer {},{}", "Bearer\t{}", "Token {}"],
)
def test_other_headers_are_refused(tmp_path: Path, form: str) -> None:
    key = key_in(tmp_path)
    assert not is_let_in(opened(tmp_path, keys_file=tmp_path / "keys.json"), form.format(key, key))


def test_a_huge_header_is_refused(tmp_path: Path) -> None:
    key_in(tmp_path)
    access = opened(tmp_path, keys_file=tmp_path / "keys.json", jwt_algorithm="HS256", jwt_secret=SECRET)
    assert not is_let_in(access, "Bearer " + "a" * 10_000_000)
    assert not is_let_in(access, "Bearer lk_" + "a" * 10_000_000)


def test_every_refused_key_is_told_the_same(tmp_path: Path) -> None:
    good, expired = key_in(tmp_path), key_in(tmp_path, expires=time.time() + 0.001)
    revoked, unknown = key_in(tmp_path), "lk_00000000_" + "A" * 43
    revoke_key(tmp_path / "keys.json", revoked[3:11], now=time.time())
    access = opened(tmp_path, keys_file=tmp_path / "keys.json")
    time.sleep(0.002)
    told = set()
    for presented in (expired, revoked, unknown, good[:-4] + "AAAA", "lk_x", "nonsense"):
        with pytest.raises(NotAuthenticated) as caught:
            access.authenticate(f"Bearer {presented}", client=ELSEWHERE)
        told.add(str(caught.value))
        assert presented not in str(caught.value)
    assert told == {"the key is not accepted; send another, or ask whoever runs the service for one"}


MATRIX = [
    # granted, bound to, asks for, in, answer
    (Scope.READ, None, Scope.READ, "photos", None),
    (Scope.READ, None, Scope.WRITE, "photos", NotAllowed),
    (Scope.READ, None, Scope.ADMIN, None, NotAllowed),
    (Scope.WRITE, None, Scope.READ, "photos", None),
    (Scope.WRITE, None, Scope.WRITE, "photos", None),
    (Scope.WRITE, None, Scope.ADMIN, "photos", NotAllowed),
    (Scope.ADMIN, None, Scope.ADMIN, None, None),
    (Scope.READ, "photos", Scope.READ, "photos", None),
    (Scope.READ, "photos", Scope.WRITE, "photos", NotAllowed),
    (Scope.READ, "photos", Scope.READ, "shoes", NoCollection),
    (Scope.READ, "photos", Scope.WRITE, "shoes", NoCollection),
    (Scope.ADMIN, "photos", Scope.READ, "shoes", NoCollection),
    (Scope.ADMIN, "photos", Scope.ADMIN, "shoes", NoCollection),
    (Scope.ADMIN, "photos", Scope.ADMIN, "photos", None),
    (Scope.READ, "photos", Scope.READ, None, None),
]


@pytest.mark.parametrize(("granted", "bound", "scope", "collection", "error"), MATRIX)
def test_what_a_grant_allows(
    tmp_path: Path,
    granted: Scope,
    bound: str | None,
    scope: Scope,
    collection: str | None,
    error: type[Exception] | None,
) -> None:
    principal = Principal("ann", frozenset({granted}), None if bound is None else frozenset({bound}), "key")
    access = opened(tmp_path)
    if error is None:
        access.check(principal, scope, collection)
    else:
        with pytest.raises(error):
            access.check(principal, scope, collection)


def test_a_collection_that_one_may_not_see_is_told_of_like_one_that_is_not_there(tmp_path: Path) -> None:
    principal = Principal("ann", frozenset({Scope.READ}), frozenset({"photos"}), "key")
    with pytest.raises(NoCollection) as caught:
        opened(tmp_path).check(principal, Scope.READ, "shoes")
    assert str(caught.value) == str(no_collection("shoes"))


def test_what_was_good_when_a_long_connection_began_is_rerank(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    access = opened(tmp_path, keys_file=tmp_path / "keys.json", jwt_algorithm="HS256", jwt_secret=SECRET)
    by_key = access.authenticate(f"Bearer {key}", client=ELSEWHERE)
    by_token = access.authenticate(f"Bearer {minted()}", client=ELSEWHERE)
    leeway = access.authenticate(f"Bearer {minted(exp=int(time.time()) - 5)}", client=ELSEWHERE)
    assert access.is_good(by_key)
    assert access.is_good(by_token)
    assert not access.is_good(leeway)
    revoke_key(tmp_path / "keys.json", by_key.key_id, now=time.time())
    later = opened(tmp_path, keys_file=tmp_path / "keys.json")
    assert not later.is_good(by_key)


def test_a_ticket_of_a_key_that_was_revoked_is_refused(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    key = key_in(tmp_path)
    with_keys = settings(tmp_path, keys_file=tmp_path / "keys.json")
    before = open_access(with_keys, ledger)
    principal = before.authenticate(f"Bearer {key}", client=ELSEWHERE)
    first, second = before.issue_ticket(principal), before.issue_ticket(principal)
    assert before.redeem(first.ticket) == principal
    revoke_key(tmp_path / "keys.json", principal.key_id, now=time.time())
    with pytest.raises(NotAuthenticated):
        open_access(with_keys, ledger).redeem(second.ticket)


def test_requests_are_counted_by_caller(tmp_path: Path) -> None:
    access = opened(tmp_path, rate_per_minute=1)
    access.count(LOOPBACK)
    with pytest.raises(RateLimited):
        access.count(LOOPBACK)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_credentials(tmp_path: Path, host: str) -> None:
    check_binding(settings(tmp_path, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "photos.example", "localhost.example"])
def test_elsewhere_the_service_does_not_start_without_credentials(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadInput, match="lookalike key add NAME"):
        check_binding(settings(tmp_path, host=host))
    with pytest.raises(BadInput, match="lookalike key add NAME"):
        opened(tmp_path, host=host)
    check_binding(settings(tmp_path, host=host, keys_file=tmp_path / "keys.json"))
    check_binding(settings(tmp_path, host=host, jwt_algorithm="HS256", jwt_secret=SECRET))


def test_a_missing_file_of_keys_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there are no keys"):
        opened(tmp_path, keys_file=tmp_path / "keys.json")


def test_only_another_machine_makes_it_wait(tmp_path: Path) -> None:
    assert not opened(tmp_path).waits
    closed = opened(tmp_path, jwt_algorithm="RS256", jwt_jwks="http://127.0.0.1:9/jwks.json")
    assert closed.waits
    assert not closed.waits_for_keys
    with pytest.raises(ServiceDown):
        closed.check_ready()
    opened(tmp_path).check_ready()


def test_nothing_of_it_shows_a_secret(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    configured = settings(tmp_path, keys_file=tmp_path / "keys.json", jwt_algorithm="HS256", jwt_secret=SECRET)
    access = open_access(configured, MemoryLedger())
    principal = access.authenticate(f"Bearer {key}", client=ELSEWHERE)
    shown = repr(access) + repr(principal) + principal.to_json() + repr(configured)
    assert key[12:] not in shown
    assert SECRET.decode() not in shown
