"""What a grant lets one do: scope x grant, one by one."""

from __future__ import annotations

import pytest

from lookalike.core.errors import BadInput
from lookalike.service.access.principal import LOOPBACK, Principal, Scope, parse_scopes

ALLOWED = {
    # granted: what one may do with it
    (): (),
    ("read",): ("read",),
    ("write",): ("read", "write"),
    ("admin",): ("read", "write", "admin"),
    ("read", "write"): ("read", "write"),
    ("read", "admin"): ("read", "write", "admin"),
}


def someone(*scopes: str, collections: frozenset[str] | None = None) -> Principal:
    return Principal("ann", frozenset(map(Scope, scopes)), collections, "key", key_id="00000000")


@pytest.mark.parametrize("granted", ALLOWED, ids="+".join)
@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    ("collections", "wanted", "is_seen"),
    [
        (None, "photos", True),
        (frozenset({"photos", "shoes"}), "photos", True),
        (frozenset({"shoes"}), "photos", False),
        (frozenset(), "photos", False),
        (frozenset({"Photos", "photo", "photos2", "*"}), "photos", False),
        (frozenset({"shoes"}), None, True),
        (None, None, True),
    ],
)
def test_a_grant_lets_one_do_what_it_says_and_no_more(
    granted: tuple[str, ...], scope: Scope, collections: frozenset[str] | None, wanted: str | None, is_seen: bool
) -> None:
    principal = someone(*granted, collections=collections)
    assert principal.may(scope, wanted) is (scope.value in ALLOWED[granted] and is_seen)
    assert principal.sees(wanted) is is_seen


def test_loopback_may_do_everything() -> None:
    assert all(LOOPBACK.may(scope, collection) for scope in Scope for collection in (None, "photos"))


@pytest.mark.parametrize(
    "principal",
    [
        LOOPBACK,
        someone(),
        someone("read", "admin", collections=frozenset({"b", "a"})),
        Principal('token:ann "☃"', frozenset({Scope.WRITE}), frozenset(), "token", expires_at=12.5),
    ],
)
def test_a_principal_comes_back_from_its_text(principal: Principal) -> None:
    assert Principal.from_json(principal.to_json()) == principal


def test_scopes_are_known_by_name() -> None:
    assert parse_scopes(["read", "admin"]) == {Scope.READ, Scope.ADMIN}
    with pytest.raises(BadInput, match="read, write, admin"):
        parse_scopes(["read", "root"])
