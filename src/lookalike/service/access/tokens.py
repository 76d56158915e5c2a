"""JSON Web Tokens (RFC 7519), checked as RFC 8725 advises: one algorithm, one source of keys, as was set."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable
from typing import Any, NoReturn, cast

import jwt
from jwt.algorithms import HMACAlgorithm

from lookalike.core.errors import BadInput, NotAuthenticated
from lookalike.service.access.claims import principal_from
from lookalike.service.access.key_sets import KeySet
from lookalike.service.access.principal import Principal
from lookalike.service.access.public_keys import Algorithm, PublicKey
from lookalike.settings.service import ServiceSettings

ALGORITHMS = ("HS256", "RS256", "EdDSA")
LEAST_SECRET_BYTES = 32
MOST_BYTES = 8192
LEEWAY_S = 30.0

_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_LONGEST_KID = 256

_log = logging.getLogger(__name__)

FindKey = Callable[[str | None], "bytes | PublicKey | None"]
"""Gives the key of a name; None where there is none."""


class Tokens:
    """Tells who asks with a token. Safe to use from many threads.

    Args:
        algorithm: the only one that is accepted.
        find_key: the only place where keys come from.
        audience, issuer: that a token must name; None for any.
    """

    def __init__(
        self, *, algorithm: str, find_key: FindKey, audience: str | None = None, issuer: str | None = None
    ) -> None:
        self._algorithm, self._find_key = algorithm, find_key
        self._audience, self._issuer = audience, issuer

    def principal_of(self, token: str) -> Principal:
        """Who asks with a token.

        Raises:
            NotAuthenticated: when it is not good; the log says why, the message does not.
            ServiceDown: when it cannot be told, for there are no keys yet.
        """
        try:
            return principal_from(self._claims(token))
        except (jwt.PyJWTError, _Odd, BadInput) as error:
            _log.info("refused a token: %s", error if isinstance(error, _Odd | BadInput) else type(error).__name__)
            raise NotAuthenticated(
                "the token is not accepted; fetch a new one from its issuer"
            ) from None  # the cause may hold the token

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._find_key(_kid(_header(token)))
        if key is None:
            raise _Odd("it names a key that is not known")
        _object(_part(token, 1, "claims"), "claims")
        options = {"require": ["exp", "sub"], "verify_aud": self._audience is not None}
        return jwt.decode(
            token,
            key,
            algorithms=[self._algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_S,
            options=cast(Any, {**options, "enforce_minimum_key_length": True}),
        )


def open_tokens(
    settings: ServiceSettings, *, clock: Callable[[], float] = time.monotonic
) -> tuple[Tokens, KeySet | None] | None:
    """What checks tokens, and the public keys where it needs such; None where tokens are not accepted.

    Raises:
        BadInput: when the settings do not fit together, or a secret or a key cannot be used.
    """
    algorithm, secret, source = settings.jwt_algorithm, settings.jwt_secret, settings.jwt_jwks
    if algorithm is None:
        if secret is not None or source is not None:
            raise BadInput(
                "keys for tokens are set, but no jwt_algorithm, which they need; set it to one of "
                f"{', '.join(ALGORITHMS)}"
            )
        return None
    if algorithm not in ALGORITHMS:
        raise BadInput(
            f"expected as jwt_algorithm one of {', '.join(ALGORITHMS)}, got {algorithm!r}"
            "; correct it, or remove it where no tokens are taken"
        )
    if algorithm == "HS256":
        if source is not None:
            raise BadInput("HS256 needs jwt_secret only, but jwt_jwks is set; remove it, or take RS256 or EdDSA")
        shared = _check_secret(secret)
        return _tokens(settings, lambda _: shared), None
    if secret is not None or source is None:
        raise BadInput(
            f"{algorithm} needs jwt_jwks, a file or an https URL of the public keys, and no jwt_secret, got "
            "it otherwise; correct both settings"
        )
    keys = KeySet(source, algorithm=cast(Algorithm, algorithm), clock=clock)
    return _tokens(settings, keys.find), keys


def _tokens(settings: ServiceSettings, find_key: FindKey) -> Tokens:
    return Tokens(
        algorithm=str(settings.jwt_algorithm),
        find_key=find_key,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )


def _check_secret(secret: bytes | None) -> bytes:
    if secret is None or len(secret) < LEAST_SECRET_BYTES:
        raise BadInput(
            f"HS256 needs a jwt_secret of at least {LEAST_SECRET_BYTES} bytes, got fewer; make one with "
            "`openssl rand -hex 32`"
        )
    try:
        return HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        raise BadInput(
            "jwt_secret has to be known to nobody else, but this one is a public key or a certificate; make "
            "one with `openssl rand -hex 32`, or take RS256 with jwt_jwks"
        ) from None


class _Odd(Exception):
    """What is wrong with a token, in words that repeat nothing of it."""


def _header(token: str) -> dict[str, Any]:
    """The header, believed in nothing but the name of the key: `jku`, `jwk` and `x5u` are passed over."""
    if len(token) > MOST_BYTES or not token.isascii():
        raise _Odd(f"it is larger than {MOST_BYTES} bytes, or not ASCII")
    header = _object(_part(token, 0, "header"), "header")
    if "crit" in header or str(header.get("typ", "jwt")).lower() not in _TYPES:
        raise _Odd("it is of another type, or wants what we do not know")
    return header


def _part(token: str, number: int, what: str) -> bytes:
    encoded = token.split(".", number + 1)[number : number + 1]
    try:
        return base64.urlsafe_b64decode(encoded[0] + "=" * (-len(encoded[0]) % 4))
    except (IndexError, ValueError):
        raise _Odd(f"its {what} are not there, or not base64") from None


def _kid(header: dict[str, Any]) -> str | None:
    kid = header.get("kid")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise _Odd("its kid is no short text")
    return kid


def _object(content: bytes, what: str) -> dict[str, Any]:
    """What a part of a token says; nothing in it may be there twice, and no number be none. PyJWT lets both pass."""
    try:
        value = json.loads(content, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _Odd(f"its {what} are no JSON") from None
    if not isinstance(value, dict):
        raise _Odd(f"its {what} are no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise _Odd("it says something twice")
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
