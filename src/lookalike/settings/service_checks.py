"""Settings of the service that must fit each other, and the secret that is no plain setting."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

from lookalike.core.errors import BadInput
from lookalike.settings.service import ServiceSettings

SHORTEST_SECRET = 32

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def secret_from(variable: str | None, file: Path | None) -> bytes | None:
    """The secret of HS256: as the variable says it, else the file's content without white space around it.

    Raises:
        BadInput: when the file cannot be read, or the secret is shorter than 32 bytes.
    """
    if variable:
        secret, source = variable.encode("utf-8", "surrogateescape"), "LOOKALIKE_SERVE_JWT_SECRET"
    elif file is not None:
        try:
            secret, source = file.read_bytes().strip(), str(file)
        except OSError as error:
            raise BadInput(f"the secret in {file} cannot be read: {error.strerror or error}") from error
    else:
        return None
    if len(secret) < SHORTEST_SECRET:
        raise BadInput(f"expected a secret of at least {SHORTEST_SECRET} bytes, got {len(secret)} from {source}")
    return secret


def check(settings: ServiceSettings) -> None:
    """See that they fit each other.

    Raises:
        BadInput: when two do not, or a file that is named is not there.
    """
    _check_tokens(settings)
    _check_files(settings)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise BadInput("expected both tls_certificate and tls_key, or neither")
    if settings.max_spooled_bytes < 2 * settings.max_body_bytes:
        raise BadInput(
            "expected max_spooled_bytes of at least twice max_body_bytes, for one caller has three quarters of it, got "
            f"{settings.max_spooled_bytes} and {settings.max_body_bytes}"
        )
    if settings.keep_below >= settings.quarantine_above:
        raise BadInput(
            f"expected keep_below under quarantine_above, got {settings.keep_below:g} and {settings.quarantine_above:g}"
        )
    for origin in settings.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            raise BadInput(f"expected origins like https://shop.example for cors_origins, got {origin!r}")
    for proxy in settings.trusted_proxies:
        _check_network(proxy)


def _check_tokens(settings: ServiceSettings) -> None:
    if settings.jwt_algorithm == "HS256" and settings.jwt_secret is None:
        raise BadInput("jwt_algorithm HS256 needs a secret: LOOKALIKE_SERVE_JWT_SECRET or jwt_secret_file")
    if settings.jwt_algorithm in ("RS256", "EdDSA") and settings.jwt_jwks is None:
        raise BadInput(f"jwt_algorithm {settings.jwt_algorithm} needs the public keys: jwt_jwks")
    if settings.jwt_algorithm is None and (settings.jwt_secret is not None or settings.jwt_jwks is not None):
        raise BadInput("keys for tokens are there, but not jwt_algorithm: HS256, RS256 or EdDSA")


def _check_files(settings: ServiceSettings) -> None:
    for name in ("keys_file", "tls_certificate", "tls_key"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            raise BadInput(f"{name} names {path}, which is not a file")
    if settings.page is not None and not (settings.page / "index.html").is_file():
        raise BadInput(f"page names {settings.page}, which has no index.html")


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        raise BadInput(f"expected addresses or networks like 10.0.0.0/8 for trusted_proxies, got {text!r}") from None
