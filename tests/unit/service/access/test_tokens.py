"""Tokens: good ones let in, and each known forgery is refused."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from lookalike.core.errors import BadInput, NotAuthenticated
from lookalike.service.access import tokens as module
from lookalike.service.access.principal import Scope
from lookalike.service.access.tokens import Tokens, open_tokens
from tests.unit.service.access.minting import (
    SECRET,
    base64url,
    claims,
    ed_key,
    jwk,
    key_set,
    minted,
    pem,
    rsa_key,
    settings,
    written,
)


def opened(home: Path, **changed: Any) -> Tokens:
    found = open_tokens(settings(home, **changed))
    assert found is not None
    return found[0]


@pytest.fixture
def shared(tmp_path: Path) -> Tokens:
    """HS256."""
    return opened(tmp_path, jwt_algorithm="HS256", jwt_secret=SECRET)


@pytest.fixture
def public(tmp_path: Path) -> Tokens:
    """RS256 by a file of one key."""
    (tmp_path / "jwks.json").write_bytes(key_set(jwk(rsa_key(), kid="ours")))
    return opened(tmp_path, jwt_algorithm="RS256", jwt_jwks=str(tmp_path / "jwks.json"))


def is_let_in(tokens: Tokens, token: str) -> bool:
    try:
        tokens.principal_of(token)
    except NotAuthenticated:
        return False
    return True


def with_header(token: str, **changed: Any) -> str:
    """Another header before the same claims and the same signature."""
    _, body, signature = token.split(".")
    return f"{base64url(json.dumps({'alg': 'HS256', 'typ': 'JWT', **changed}))}.{body}.{signature}"


def test_a_good_token_tells_who_asks(shared: Tokens) -> None:
    principal = shared.principal_of(minted(scope="openid read write", collections=["photos"]))
    assert (principal.name, principal.kind) == ("token:ann", "token")
    assert principal.scopes == {Scope.READ, Scope.WRITE}
    assert principal.collections == {"photos"}
    assert principal.expires_at is not None
    assert principal.expires_at > time.time()


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_public_keys_check_tokens(tmp_path: Path, algorithm: str) -> None:
    key, other = (rsa_key(), rsa_key("theirs")) if algorithm == "RS256" else (ed_key(), ed_key("theirs"))
    (tmp_path / "jwks.json").write_bytes(key_set(jwk(rsa_key(), kid="r"), jwk(ed_key(), kid="e")))
    tokens = opened(tmp_path, jwt_algorithm=algorithm, jwt_jwks=str(tmp_path / "jwks.json"))
    kid = "r" if algorithm == "RS256" else "e"
    assert is_let_in(tokens, minted(key, algorithm, headers={"kid": kid}))
    assert is_let_in(tokens, minted(key, algorithm))  # the only one for this algorithm
    assert not is_let_in(tokens, minted(other, algorithm, headers={"kid": kid}))
    assert not is_let_in(tokens, minted(key, algorithm, headers={"kid": "x"}))


def test_another_secret_is_refused(shared: Tokens) -> None:
    assert not is_let_in(shared, minted(b"another secret of at least thirty-two bytes"))


def test_changed_claims_are_refused(shared: Tokens) -> None:
    header, _, signature = minted().split(".")
    assert not is_let_in(shared, f"{header}.{base64url(json.dumps(claims(scope='admin')))}.{signature}")


@pytest.mark.parametrize("named", ["none", "None", "NONE", "nOnE", "", None, ["HS256"], {"HS256": 1}, 256])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_no_algorithm_is_refused(shared: Tokens, public: Tokens, named: object, signature: str) -> None:
    token = f"{base64url(json.dumps({'alg': named, 'typ': 'JWT'}))}.{base64url(json.dumps(claims()))}.{signature}"
    assert not is_let_in(shared, token)
    assert not is_let_in(public, token)


def test_a_token_without_an_algorithm_is_refused(shared: Tokens) -> None:
    assert not is_let_in(shared, written('{"typ": "JWT"}', json.dumps(claims())))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_sibling_of_the_algorithm_is_refused(shared: Tokens, algorithm: str) -> None:
    assert not is_let_in(shared, minted(SECRET * 2, algorithm))
    assert not is_let_in(shared, minted(SECRET + SECRET, algorithm))


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
def test_another_algorithm_of_the_same_key_is_refused(public: Tokens, algorithm: str) -> None:
    assert not is_let_in(public, minted(rsa_key(), algorithm, headers={"kid": "ours"}))


@pytest.mark.parametrize("line_end", [b"\n", b""])
def test_a_public_key_is_no_shared_secret(public: Tokens, line_end: bytes) -> None:
    secret = pem(rsa_key()).rstrip(b"\n") + line_end
    forged = written('{"alg": "HS256", "typ": "JWT", "kid": "ours"}', json.dumps(claims(scope="admin")), secret=secret)
    assert not is_let_in(public, forged)
    lying = written('{"alg": "RS256", "typ": "JWT", "kid": "ours"}', json.dumps(claims(scope="admin")), secret=secret)
    assert not is_let_in(public, lying)


def test_a_public_key_cannot_be_set_as_shared_secret(tmp_path: Path) -> None:
    for secret in (pem(rsa_key()), pem(ed_key()), json.dumps(jwk(rsa_key())).encode()):
        with pytest.raises(BadInput, match="public key") as caught:
            opened(tmp_path, jwt_algorithm="HS256", jwt_secret=secret)
        assert secret.decode()[40:60] not in str(caught.value)


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "ours' OR '1'='1",
        "x' UNION SELECT 'AAAA' --",
        "ours\0",
        "ours;cat /etc/passwd",
        "https://evil.example/jwks.json",
        "OURS",
        "",
        "a" * 257,
    ],
)
def test_a_kid_is_a_name_and_nothing_else(public: Tokens, kid: str) -> None:
    assert not is_let_in(public, minted(rsa_key("theirs"), "RS256", headers={"kid": kid}))
    assert not is_let_in(public, minted(rsa_key(), "RS256", headers={"kid": kid}))
    empty = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid})
    assert not is_let_in(public, written(empty, json.dumps(claims()), secret=b""))


@pytest.mark.parametrize("kid", ["1", '["ours"]', '{"ours": 1}', "true", "1e400"])
def test_a_kid_that_is_no_text_is_refused(public: Tokens, kid: str) -> None:
    assert not is_let_in(public, written(f'{{"alg": "RS256", "kid": {kid}}}', json.dumps(claims())))


def test_keys_that_a_token_brings_along_are_passed_over(public: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = rsa_key("theirs")
    for url in ("http://127.0.0.1:9/jwks.json", "file:///etc/passwd"):
        headers = {"kid": "ours", "jku": url, "x5u": url, "jwk": jwk(theirs, kid="ours"), "x5c": ["AAAA"]}
        assert not is_let_in(public, minted(theirs, "RS256", headers=headers))
        assert is_let_in(public, minted(rsa_key(), "RS256", headers=headers))  # they do not harm either


def test_a_signature_of_nothing_is_refused(shared: Tokens) -> None:
    header, body, signature = minted().split(".")
    for token in (
        f"{header}.{body}",
        f"{header}.{body}.",
        f"{header}.{body}.{signature[:-2]}",
        f"{header}.{body}.{signature}.{signature}",
        f"{header}..{signature}",
        f".{body}.{signature}",
        f"{header}.{body}.{signature}\n",
        f"{header}.{body}. {signature}",
        "..",
        ".",
        "",
        "a" * 100,
        "a.b.c",
        "é.é.é",
        "\ud800.a.b",
    ):
        assert not is_let_in(shared, token), token


def test_a_signature_may_not_be_written_in_two_ways(shared: Tokens) -> None:
    token = minted()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + letters[letters.index(token[-1]) ^ 1]  # differs in bits that stand for no byte
    assert not is_let_in(shared, twin)


@pytest.mark.parametrize("ago_s", [31, 3600])
def test_an_expired_token_is_refused(shared: Tokens, ago_s: int) -> None:
    assert not is_let_in(shared, minted(exp=int(time.time()) - ago_s))


def test_clocks_may_differ_by_half_a_minute(shared: Tokens) -> None:
    now = int(time.time())
    assert is_let_in(shared, minted(exp=now - 20))
    assert is_let_in(shared, minted(nbf=now + 20, iat=now + 20))
    assert not is_let_in(shared, minted(nbf=now + 60))
    assert not is_let_in(shared, minted(iat=now + 60))


def test_a_token_without_an_end_or_a_subject_is_refused(shared: Tokens) -> None:
    assert not is_let_in(shared, minted(exp=None))
    assert not is_let_in(shared, minted(sub=None))


def test_audience_and_issuer_must_be_ours(tmp_path: Path) -> None:
    tokens = opened(
        tmp_path, jwt_algorithm="HS256", jwt_secret=SECRET, jwt_audience="lookalike", jwt_issuer="https://id.example"
    )
    good = {"aud": "lookalike", "iss": "https://id.example"}
    assert is_let_in(tokens, minted(**good))
    assert is_let_in(tokens, minted(**{**good, "aud": ["other", "lookalike"]}))
    wrong: list[dict[str, Any]] = [
        {"aud": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": {"lookalike": 1}},
        {"aud": ["lookalike", 1]},
        {"aud": "Lookalike"},
        {"iss": None},
        {"iss": "https://id.example/"},
        {"iss": ["https://id.example"]},
    ]
    for change in wrong:
        body = json.dumps(claims(**{**good, **change}))
        assert not is_let_in(tokens, written('{"alg": "HS256", "typ": "JWT"}', body)), change


def test_an_audience_does_not_matter_where_none_was_set(shared: Tokens) -> None:
    assert is_let_in(shared, minted(aud="anything", iss="anybody"))


ODD_CLAIMS = {
    "sub twice": '{"sub": "ann", "sub": "root", "exp": EXP}',
    "exp twice": '{"sub": "ann", "exp": 1, "exp": EXP}',
    "a claim twice, deep down": '{"sub": "ann", "exp": EXP, "act": {"sub": "a", "sub": "b"}}',
    "exp is a text": '{"sub": "ann", "exp": "EXP"}',
    "exp is true": '{"sub": "ann", "exp": true}',
    "exp is null": '{"sub": "ann", "exp": null}',
    "exp is a list": '{"sub": "ann", "exp": [EXP]}',
    "exp is infinite": '{"sub": "ann", "exp": Infinity}',
    "exp is too large": '{"sub": "ann", "exp": 1e999}',
    "exp is no number": '{"sub": "ann", "exp": NaN}',
    "exp has too many digits": '{"sub": "ann", "exp": ' + "9" * 5000 + "}",
    "nbf is a text": '{"sub": "ann", "exp": EXP, "nbf": "0"}',
    "nbf is null": '{"sub": "ann", "exp": EXP, "nbf": null}',
    "iat is a list": '{"sub": "ann", "exp": EXP, "iat": []}',
    "sub is a number": '{"sub": 1, "exp": EXP}',
    "sub is empty": '{"sub": "", "exp": EXP}',
    "sub has a newline": '{"sub": "ann\\nroot", "exp": EXP}',
    "sub is long": '{"sub": "' + "a" * 201 + '", "exp": EXP}',
    "scope is a list": '{"sub": "ann", "exp": EXP, "scope": ["admin"]}',
    "scope is null": '{"sub": "ann", "exp": EXP, "scope": null}',
    "scopes is a text": '{"sub": "ann", "exp": EXP, "scopes": "admin"}',
    "scopes has a number": '{"sub": "ann", "exp": EXP, "scopes": ["read", 1]}',
    "scope and scopes": '{"sub": "ann", "exp": EXP, "scope": "read", "scopes": ["admin"]}',
    "collections is a text": '{"sub": "ann", "exp": EXP, "collections": "photos"}',
    "collections is null": '{"sub": "ann", "exp": EXP, "collections": null}',
    "collections is an object": '{"sub": "ann", "exp": EXP, "collections": {"photos": 1}}',
    "jti is a number": '{"sub": "ann", "exp": EXP, "jti": 1}',
    "a list": '["sub", "ann"]',
    "a text": '"sub"',
    "null": "null",
    "nothing": "",
    "no JSON": "{sub: ann}",
    "nested deeply": "[" * 3000,
}


@pytest.mark.parametrize("body", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_odd_claims_are_refused_although_they_are_signed(shared: Tokens, body: str) -> None:
    body = body.replace("EXP", str(int(time.time()) + 600))
    assert not is_let_in(shared, written('{"alg": "HS256", "typ": "JWT"}', body))


@pytest.mark.parametrize(
    "header",
    [
        '{"alg": "none", "alg": "HS256"}',
        '{"alg": "HS256", "crit": ["exp"], "exp": 1}',
        '{"alg": "HS256", "crit": []}',
        '{"alg": "HS256", "b64": false, "crit": ["b64"]}',
        '{"alg": "HS256", "typ": "dpop+jwt"}',
        '{"alg": "HS256", "typ": 1}',
        '{"alg": "HS256", "kid": null, "kid": "a"}',
        '["HS256"]',
        "[" * 3000,
        "",
    ],
)
def test_odd_headers_are_refused_although_they_are_signed(shared: Tokens, header: str) -> None:
    assert not is_let_in(shared, written(header, json.dumps(claims())))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_usual_types_are_taken(shared: Tokens, typ: str) -> None:
    assert is_let_in(shared, minted(headers={"typ": typ}))


@pytest.mark.parametrize(
    ("changed", "scopes"),
    [
        ({"scope": None}, set()),
        ({"scope": ""}, set()),
        ({"scope": "readwrite READ"}, set()),
        ({"scope": "read admin"}, {Scope.READ, Scope.ADMIN}),
        ({"scope": None, "scopes": ["write", "email"]}, {Scope.WRITE}),
        ({"scope": None, "scopes": []}, set()),
    ],
    ids=str,
)
def test_only_our_scopes_count(shared: Tokens, changed: dict[str, Any], scopes: set[Scope]) -> None:
    assert shared.principal_of(minted(**changed)).scopes == scopes


def test_an_empty_list_of_collections_grants_none(shared: Tokens) -> None:
    assert shared.principal_of(minted(collections=[])).collections == frozenset()
    assert shared.principal_of(minted()).collections is None


def test_a_large_token_is_refused_before_it_is_read(shared: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = minted(note="")
    fits = minted(note="a" * ((module.MOST_BYTES - len(fits)) * 3 // 4 - 3))
    assert len(fits) <= module.MOST_BYTES
    assert is_let_in(shared, fits)
    large = minted(note="a" * module.MOST_BYTES)
    monkeypatch.setattr(module.json, "loads", lambda *_, **__: pytest.fail("it was read"))
    assert not is_let_in(shared, large)
    assert not is_let_in(shared, "a" * 10_000_000)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"jwt_algorithm": "HS256"}, "32 bytes"),
        ({"jwt_algorithm": "HS256", "jwt_secret": b"a" * 31}, "32 bytes"),
        (
            {"jwt_algorithm": "HS256", "jwt_secret": SECRET, "jwt_jwks": "jwks.json"},
            "HS256 needs jwt_secret only, but jwt_jwks is set",
        ),
        ({"jwt_algorithm": "RS256"}, "needs jwt_jwks"),
        ({"jwt_algorithm": "EdDSA", "jwt_jwks": "jwks.json", "jwt_secret": SECRET}, "no jwt_secret"),
        ({"jwt_algorithm": "none"}, "HS256, RS256, EdDSA"),
        ({"jwt_algorithm": "HS256,RS256", "jwt_secret": SECRET}, "HS256, RS256, EdDSA"),
        ({"jwt_algorithm": "hs256", "jwt_secret": SECRET}, "HS256, RS256, EdDSA"),
        ({"jwt_secret": SECRET}, "no jwt_algorithm"),
        ({"jwt_jwks": "jwks.json"}, "no jwt_algorithm"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        open_tokens(settings(tmp_path, **changed))
    assert SECRET.decode() not in str(caught.value)


def test_without_an_algorithm_there_are_no_tokens(tmp_path: Path) -> None:
    assert open_tokens(settings(tmp_path)) is None


def test_a_refusal_shows_nothing_of_the_token(shared: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    tokens = [
        minted(b"x" * 32, sub="hush"),
        minted(exp=1, sub="hush"),
        minted(sub="hush", scope="read", scopes=["hush"]),
        with_header(minted(), alg="hush", kid="hush"),
        written('{"alg": "HS256"}', '{"sub": "hush", "sub": "hush"}'),
    ]
    with caplog.at_level(logging.DEBUG, logger="lookalike"):  # which a command may have set
        for token in tokens:
            with pytest.raises(NotAuthenticated) as caught:
                shared.principal_of(token)
            assert caught.value.__cause__ is None
            assert "hush" not in str(caught.value)
            assert token not in repr(caught.value)
    assert len(caplog.records) == len(tokens)
    assert "hush" not in caplog.text
    assert not any(token in caplog.text for token in tokens)
    assert SECRET.decode() not in repr(shared)


def test_the_library_is_the_oracle(shared: Tokens) -> None:
    token = minted(sub="bob")
    assert shared.principal_of(token).name == f"token:{jwt.decode(token, SECRET, algorithms=['HS256'])['sub']}"
