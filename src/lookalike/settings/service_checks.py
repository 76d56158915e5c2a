"""Settings of the service that must fit each other, and the secret that is no plain setting."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

from lookalike.core.errors import BadInput
from lookalike.settings.service import ServiceSettings

SHORTEST_SECRET = 32

_FORMS = {
    "database": (re.compile(r"postgres(ql)?://.+"), "postgresql://USER:SECRET@HOST:5432/NAME"),
    "objects": (re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?"), "s3://BUCKET/PREFIX"),
    "objects_endpoint": (re.compile(r"https?://[^/?#@]+/?"), "https://HOST:PORT"),
    "objects_public_endpoint": (re.compile(r"https?://[^/?#@]+/?"), "https://HOST:PORT"),
    "broker": (re.compile(r"amqps?://.+"), "amqp://USER:SECRET@HOST:5672/VHOST"),
    "vectors": (re.compile(r"postgres(ql)?://.+"), "postgresql://USER:SECRET@HOST:5432/NAME"),
}
"""How the addresses of servers look that are no plain URLs, and one as it could be."""

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
            raise BadInput(
                f"the secret in {file} cannot be read: {error.strerror or error}"
                "; repair its permissions, or correct its path"
            ) from error
    else:
        return None
    if len(secret) < SHORTEST_SECRET:
        raise BadInput(
            f"expected a secret of at least {SHORTEST_SECRET} bytes, got {len(secret)} from {source}"
            "; make one with `openssl rand -hex 32`"
        )
    return secret


def check(settings: ServiceSettings) -> None:
    """See that they fit each other.

    Raises:
        BadInput: when two do not, or a file that is named is not there.
    """
    _check_tokens(settings)
    _check_files(settings)
    _check_servers(settings)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise BadInput(
            "expected both tls_certificate and tls_key, or neither, but only "
            f"{'tls_key' if settings.tls_key else 'tls_certificate'} is set; add the other, or remove it"
        )
    if settings.max_spooled_bytes < 2 * settings.max_body_bytes:
        raise BadInput(
            "expected max_spooled_bytes of at least twice max_body_bytes, for one caller has three quarters of it, got "
            f"{settings.max_spooled_bytes} and {settings.max_body_bytes}"
            "; raise max_spooled_bytes, or lower max_body_bytes"
        )
    if settings.keep_below >= settings.quarantine_above:
        raise BadInput(
            f"expected keep_below under quarantine_above, "
            f"got {settings.keep_below:g} and "
            f"{settings.quarantine_above:g}"
            "; lower keep_below, or raise quarantine_above"
        )
    for origin in settings.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            raise BadInput(
                f"expected origins like https://shop.example for cors_origins, got {origin!r}"
                "; write the scheme and host alone, without a path or a star"
            )
    for proxy in settings.trusted_proxies:
        _check_network(proxy)


def _check_tokens(settings: ServiceSettings) -> None:
    if settings.jwt_algorithm == "HS256" and settings.jwt_secret is None:
        raise BadInput(
            "jwt_algorithm HS256 needs a secret, but none is set: make one with `openssl rand -hex 32`, and "
            "put it in LOOKALIKE_SERVE_JWT_SECRET or jwt_secret_file"
        )
    if settings.jwt_algorithm in ("RS256", "EdDSA") and settings.jwt_jwks is None:
        raise BadInput(
            f"jwt_algorithm {settings.jwt_algorithm} needs the public keys, but there are none: set jwt_jwks "
            "to a file or an https URL"
        )
    if settings.jwt_algorithm is None and (settings.jwt_secret is not None or settings.jwt_jwks is not None):
        raise BadInput("keys for tokens are set, and need jwt_algorithm, which is not: set it to HS256, RS256 or EdDSA")


def _check_files(settings: ServiceSettings) -> None:
    for name in ("keys_file", "tls_certificate", "tls_key"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            raise BadInput(f"{name} names {path}, which is not a file; correct the path, or remove the setting")
    if settings.page is not None and not (settings.page / "index.html").is_file():
        raise BadInput(
            f"page names {settings.page}, which has no index.html"
            "; build the page with `npm run build` in web/, or remove the setting"
        )


def _check_servers(settings: ServiceSettings) -> None:
    for name, (form, example) in _FORMS.items():
        address: str = getattr(settings, name)
        if address and not form.fullmatch(address):
            raise BadInput(
                f"expected {name} to look like {example}, got {_hide_password(address)!r}; correct it, or remove it"
            )
    if bool(settings.database) != bool(settings.objects):
        there, missing = ("database", "objects") if settings.database else ("objects", "database")
        raise BadInput(
            f"{there} is set, and needs {missing}, which is not, for several machines share both: set {missing} to "
            f"{_FORMS[missing][1]}, or remove {there}"
        )
    if settings.vectors and not settings.database:
        raise BadInput(f"vectors is set, and needs database, which is not: set it to {_FORMS['database'][1]}")
    for name in ("objects_endpoint", "objects_public_endpoint"):
        if getattr(settings, name) and not settings.objects:
            raise BadInput(f"{name} is set, and needs objects, which is not: set it to s3://BUCKET/PREFIX")


def _hide_password(address: str) -> str:
    return re.sub(r"(//[^:@/]*):[^@]*@", r"\1:***@", address)[:200]


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        raise BadInput(
            f"expected addresses or networks like 10.0.0.0/8 for trusted_proxies, got {text!r}; write "
            "addresses, not names"
        ) from None
