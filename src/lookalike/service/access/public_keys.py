"""The public keys of a JSON Web Key Set (RFC 7517), those that may be used and no others."""

from __future__ import annotations

import json
import logging
from typing import Any, Literal, TypeAlias, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lookalike.core.errors import BadInput

Algorithm: TypeAlias = Literal["RS256", "EdDSA"]
PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey

LEAST_BITS, MOST_BITS = 2048, 16_384

_KINDS = {"RS256": ("RSA", None), "EdDSA": ("OKP", "Ed25519")}
_MOST_KEYS = 100

_log = logging.getLogger(__name__)


def parse_key_set(content: bytes, *, algorithm: Algorithm) -> dict[str, PublicKey]:
    """The keys of a set by which signatures of one algorithm can be checked.

    Args:
        content: JSON, `{"keys": [...]}`.
        algorithm: of the signatures.
    Returns:
        keys by `kid`, '' where one has none. Keys of other kinds or for other purposes are passed over; so are, with
        a warning, RSA keys of fewer than 2048 bits.
    Raises:
        BadInput: when it is no such set, holds a private key, two keys of one `kid`, or none that can be used.
    """
    found: dict[str, PublicKey] = {}
    for entry in _entries(content):
        if "d" in entry:
            raise BadInput(
                "expected only public keys, but the key set holds a private key, by which whoever can read it "
                "makes tokens; remove its private parts, and make a new key"
            )
        if not _is_meant(entry, algorithm):
            continue
        kid = entry.get("kid", "")
        if not isinstance(kid, str) or kid in found:
            raise BadInput(
                "expected of each key in the key set a `kid` of its own, but two have the same, or it is no "
                "text; rename one"
            )
        if (key := _public_key(entry, algorithm)) is not None:
            found[kid] = key
    if not found:
        raise BadInput(f"the key set holds no key for {algorithm}; add one, or correct jwt_algorithm")
    return found


def _entries(content: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BadInput("the key set is no JSON; download it again from the issuer") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
        raise BadInput(
            f'expected a key set of the form {{"keys": [...]}} with at most {_MOST_KEYS}, got '
            "something else; download it again from the issuer"
        )
    return [entry for entry in entries if isinstance(entry, dict)]


def _is_meant(entry: dict[str, Any], algorithm: Algorithm) -> bool:
    """Whether a key is for checking signatures of this algorithm."""
    kind, curve = _KINDS[algorithm]
    purposes = entry.get("key_ops", ["verify"])
    return (
        entry.get("kty") == kind
        and (curve is None or entry.get("crv") == curve)
        and entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(purposes, list)
        and "verify" in purposes
    )


def _public_key(entry: dict[str, Any], algorithm: Algorithm) -> PublicKey | None:
    if any(len(part) > MOST_BITS // 6 + 2 for part in entry.values() if isinstance(part, str)):  # base64: 6 bits each
        _log.warning("passed over a key of the key set that is larger than %d bits", MOST_BITS)
        return None
    try:
        key = cast(PublicKey, jwt.PyJWK(entry, algorithm).key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        _log.warning("passed over a key of the key set that cannot be read: %s", type(error).__name__)
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_BITS:
        _log.warning("passed over a key of the key set of %d bits, expected at least %d", key.key_size, LEAST_BITS)
        return None
    return key
