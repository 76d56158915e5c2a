"""A key opens, what is not exactly it does not, and nothing shows the secret."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest

from lookalike.core.errors import BadInput
from lookalike.service.access import keys as module
from lookalike.service.access.keys import ApiKey, id_in, make_key, opens
from lookalike.service.access.principal import Scope

NOW = 1_000_000.0
READ = [Scope.READ]


def made(**changed: object) -> tuple[ApiKey, str]:
    return make_key("phone", **{"scopes": READ, "now": NOW, **changed})  # type: ignore[arg-type]


def test_a_key_has_the_form_that_is_documented() -> None:
    kept, key = made()
    assert re.fullmatch(r"lk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", key)
    assert key.split("_")[1] == kept.id == id_in(key) == id_in(kept.id)


def test_a_key_opens_until_it_ends() -> None:
    kept, key = made(expires=NOW + 10)
    assert opens(key, {kept.id: kept}, now=NOW + 9.9) == kept
    assert opens(key, {kept.id: kept}, now=NOW + 10) is None


def test_only_the_hash_is_kept_and_the_repr_has_not_even_that() -> None:
    kept, key = made()
    secret = key[len("lk_00000000_") :]
    assert kept.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(kept)
    assert kept.sha256 not in repr(kept)
    assert secret not in repr(kept.principal)


def test_no_two_keys_are_alike() -> None:
    assert len({made()[1] for _ in range(50)}) == 50


def test_an_id_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(module.secrets, "token_hex", lambda _: next(ids))
    assert made(taken={"aaaaaaaa"})[0].id == "bbbbbbbb"


def test_what_is_not_exactly_a_key_does_not_open() -> None:
    kept, key = made()
    other = made()[1]
    secret = key[len("lk_00000000_") :]
    wrong = [
        "",
        "lk_",
        key[:-1],
        key + "A",
        key + "\n",
        " " + key,
        key.upper(),
        other,
        f"lk_{kept.id}_{other[12:]}",
        f"lk_{'0' * 8}_{secret}",
        f"lk_{kept.id}_{kept.sha256[:43]}",
        f"lk_{kept.id}_{'Ａ' * 43}",
        f"lk_{kept.id}_' OR '1'='1",
        "lk_../../et_" + secret,
    ]
    assert [presented for presented in wrong if opens(presented, {kept.id: kept}, now=NOW) is not None] == []


def test_a_wrong_key_costs_one_comparison_whatever_is_wrong_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, key = made(expires=NOW + 10)
    compared: list[int] = []
    compare_digest = hmac.compare_digest

    def compare(a: str, b: str) -> bool:
        compared.append(len(a) + len(b))
        return compare_digest(a, b)

    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    unknown, wrong = made()[1], f"lk_{kept.id}_{'A' * 43}"
    for presented, now in [(unknown, NOW), (wrong, NOW), (key, NOW + 11), (key, NOW)]:
        opens(presented, {kept.id: kept}, now=now)
    assert compared == [128] * 4


@pytest.mark.parametrize("name", ["", "a" * 65, " a", "a\nb", "a:b", "loopback", "<b>", "é"])
def test_names_that_could_be_taken_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="name of a key"):
        make_key(name, scopes=READ, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [{"scopes": []}, {"collections": []}, {"collections": [".."]}, {"collections": ["A"]}, {"expires": NOW}],
    ids=str,
)
def test_a_key_that_would_be_good_for_nothing_is_not_made(changed: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        made(**changed)


def test_a_text_that_is_no_id_is_not_repeated() -> None:
    almost = made()[1] + "x"
    with pytest.raises(BadInput) as caught:
        id_in(almost)
    assert almost[12:] not in str(caught.value)
