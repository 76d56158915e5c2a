"""Real keys and tokens, good ones and forged ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from lookalike.settings.service import ServiceSettings

SECRET = b"a shared secret of at least thirty-two bytes"


@cache
def rsa_key(name: str = "ours", *, bits: int = 2048) -> RSAPrivateKey:
    """A key for each name."""
    return generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ed_key(name: str = "ours") -> Ed25519PrivateKey:
    """A key for each name."""
    return Ed25519PrivateKey.generate()


def pem(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key: RSAPrivateKey | Ed25519PrivateKey, **fields: Any) -> dict[str, Any]:
    """The public half as an entry of a key set."""
    algorithm = RSAAlgorithm if isinstance(key, RSAPrivateKey) else OKPAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **fields}


def key_set(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def claims(**changed: Any) -> dict[str, Any]:
    """Good ones, with changes; a change to None takes one out."""
    good = {"sub": "ann", "exp": int(time.time()) + 600, "scope": "read", **changed}
    return {name: value for name, value in good.items() if value is not None}


def minted(
    key: Any = SECRET, algorithm: str = "HS256", *, headers: dict[str, Any] | None = None, **changed: Any
) -> str:
    """A good token but for the changes."""
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


def base64url(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def written(header: str, body: str, *, secret: bytes = SECRET) -> str:
    """A token of exactly these texts, signed with HMAC-SHA-256 whatever they say."""
    signed = f"{base64url(header)}.{base64url(body)}"
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def settings(home: Path, **changed: Any) -> ServiceSettings:
    return ServiceSettings(home=home, **changed)
