"""Which keys of a key set may be used."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from lookalike.core.errors import BadInput
from lookalike.service.access.public_keys import parse_key_set
from tests.unit.service.access.minting import ed_key, jwk, key_set, rsa_key


def test_keys_are_found_by_name_and_kind() -> None:
    content = key_set(
        jwk(rsa_key(), kid="a", use="sig", alg="RS256", x5c=["AAAA"]),
        jwk(rsa_key("theirs")),
        jwk(ed_key(), kid="a", key_ops=["verify"]),
    )
    assert set(parse_key_set(content, algorithm="RS256")) == {"a", ""}
    assert set(parse_key_set(content, algorithm="EdDSA")) == {"a"}


@pytest.mark.parametrize(
    "entry",
    [
        jwk(rsa_key(), kid="b", use="enc"),
        jwk(rsa_key(), kid="b", alg="RS512"),
        jwk(rsa_key(), kid="b", alg="HS256"),
        jwk(rsa_key(), kid="b", key_ops=["encrypt"]),
        jwk(rsa_key(), kid="b", key_ops="verify"),
        jwk(rsa_key(), kid="b", n="!"),
        jwk(rsa_key(), kid="b", n=""),
        jwk(rsa_key(), kid="b", n=1),
        jwk(rsa_key(), kid="b", e="AQ"),
        jwk(rsa_key(), kid="b", n="A" * 4000),
        {"kty": "RSA", "kid": "b"},
        {"kty": "oct", "kid": "b", "k": "AAAA"},
        {"kty": ["RSA"], "kid": "b"},
        {"kid": "b"},
        {**ECAlgorithm.to_jwk(generate_ec_key(SECP256R1()).public_key(), as_dict=True), "kid": "b"},
        jwk(ed_key(), kid="b"),
    ],
    ids=lambda entry: json.dumps(entry)[:60],
)
def test_a_key_for_something_else_is_passed_over(entry: dict[str, Any]) -> None:
    assert set(parse_key_set(key_set(jwk(rsa_key(), kid="a"), entry), algorithm="RS256")) == {"a"}


def test_a_short_key_is_passed_over_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = parse_key_set(key_set(jwk(rsa_key(bits=1024), kid="short"), jwk(rsa_key(), kid="a")), algorithm="RS256")
    assert set(found) == {"a"}
    assert "1024 bits, expected at least 2048" in caplog.text


def test_a_set_of_only_short_keys_is_refused() -> None:
    with pytest.raises(BadInput, match="holds no key for RS256"):
        parse_key_set(key_set(jwk(rsa_key(bits=1024), kid="short")), algorithm="RS256")


def test_another_curve_is_passed_over() -> None:
    with pytest.raises(BadInput, match="holds no key for EdDSA"):
        parse_key_set(key_set({**jwk(ed_key(), kid="a"), "crv": "Ed448"}), algorithm="EdDSA")


def test_a_private_key_is_refused_and_not_shown() -> None:
    for algorithm, entry in (
        ("RS256", RSAAlgorithm.to_jwk(rsa_key(), as_dict=True)),
        ("EdDSA", OKPAlgorithm.to_jwk(ed_key(), as_dict=True)),
    ):
        with pytest.raises(BadInput, match="private key") as caught:
            parse_key_set(key_set(dict(entry)), algorithm=algorithm)  # type: ignore[arg-type]
        assert str(entry["d"]) not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": ["a", null, 1]}',
        b"[" * 100_000,
        b"\xff",
        json.dumps({"keys": [{}] * 101}).encode(),
        key_set(jwk(rsa_key(), kid="a"), jwk(rsa_key("theirs"), kid="a")),
        key_set(jwk(rsa_key(), kid=1)),
        key_set(jwk(rsa_key()), jwk(rsa_key("theirs"))),
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput):
        parse_key_set(content, algorithm="RS256")
