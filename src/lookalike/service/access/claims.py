"""What the claims of a token grant.

sub          who it is; needed
exp          until when, Unix time in seconds; needed
scope        `"read write"`; or scopes, a list. Words that are not ours are passed over
collections  a list of names to which the grant is bound; all where it is absent
"""

from __future__ import annotations

from typing import Any

from lookalike.core.errors import BadInput
from lookalike.service.access.principal import Principal, Scope

_LONGEST_SUBJECT = 200
_MOST_NAMES = 1000
_TIMES = ("exp", "nbf", "iat")


def principal_from(claims: dict[str, Any]) -> Principal:
    """Who the claims tell of. The signature and the times have been checked.

    Raises:
        BadInput: when a claim is not of its kind; the message repeats nothing of it.
    """
    if any(
        isinstance(claims.get(name, 0), bool) or not isinstance(claims.get(name, 0), int | float) for name in _TIMES
    ):
        raise BadInput(
            "expected exp, iat and nbf as numbers, but they are not; have the issuer write seconds since 1970"
        )
    return Principal(
        name=f"token:{_subject(claims)}",
        scopes=_scopes(claims),
        collections=_collections(claims),
        kind="token",
        expires_at=float(min(claims["exp"], 1e12)),
    )


def _subject(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise BadInput(
            f"expected sub as a printable text of 1 to {_LONGEST_SUBJECT} characters, got something else; have "
            "the issuer shorten it"
        )
    return subject


def _scopes(claims: dict[str, Any]) -> frozenset[Scope]:
    if "scope" in claims and "scopes" in claims:
        raise BadInput("expected only one of scope and scopes, but both came; have the issuer leave one away")
    named = claims.get("scope", "")
    if not isinstance(named, str):
        raise BadInput("expected scope as a text of words, got something else; have the issuer join them with spaces")
    words = _texts(claims["scopes"], "scopes") if "scopes" in claims else named.split(" ")
    return frozenset(scope for scope in Scope if scope.value in words)


def _collections(claims: dict[str, Any]) -> frozenset[str] | None:
    return frozenset(_texts(claims["collections"], "collections")) if "collections" in claims else None


def _texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST_NAMES or not all(isinstance(text, str) for text in value):
        raise BadInput(
            f"expected {name} as a list of at most {_MOST_NAMES} texts, but they are not; have the issuer correct it"
        )
    return value
