"""API keys: how one looks, and what is kept of it.

    lk_3f9a01c7_q0V…43 letters…Xw

The first part names the key and may be shown; the second is 32 random bytes and is shown once. Only the SHA-256 of the
second is kept: with 256 bits there is nothing to guess, so a slow hash would protect nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection as Several
from dataclasses import dataclass, field

from lookalike.core.errors import BadInput
from lookalike.service.access.principal import Principal, Scope

PREFIX = "lk_"

_KEY = re.compile(r"lk_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{8}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
_COLLECTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NOBODYS = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
"""With which a secret is compared where there is no key of that id, so that it takes as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, as it is kept.

    Attributes:
        id: 8 lower-case hexadecimal digits.
        name: of who uses it; several keys may have one name, so that one can take the place of another.
        sha256: of its secret, 64 lower-case hexadecimal digits.
        scopes, collections: what it grants; collections None for all.
        created, expires, revoked: Unix time in seconds; None for never.
    """

    id: str
    name: str
    sha256: str = field(repr=False)
    scopes: frozenset[Scope]
    collections: frozenset[str] | None
    created: float
    expires: float | None = None
    revoked: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal(self.name, self.scopes, self.collections, "key", key_id=self.id, expires_at=self.expires)


def make_key(
    name: str,
    *,
    scopes: Several[Scope],
    collections: Several[str] | None = None,
    expires: float | None = None,
    now: float,
    taken: Several[str] = (),
) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        name: 1 to 64 letters, digits, spaces, `.`, `_`, `@` and `-`, beginning with a letter or digit.
        scopes: that it grants.
        collections: to which it is bound; None for all.
        expires: Unix time in seconds; None for never.
        now: likewise.
        taken: ids that others have.
    Returns:
        what is to be kept, and the key itself, which is nowhere else.
    Raises:
        BadInput: for a name that cannot be one, no scope, an empty list of collections, or an end that is past.
    """
    check_name(name)
    for collection in collections if collections is not None else ():
        check_collection(collection)
    if not scopes or (collections is not None and not collections):
        raise BadInput(
            "a key needs a scope and a collection, and this one would have none and be good for nothing; "
            "add --scope, or leave --collection out for all"
        )
    if expires is not None and expires <= now:
        raise BadInput("expected an end that is to come, but it is past; count it from now on, such as 90d")
    key_id = next(made for made in iter(lambda: secrets.token_hex(4), "") if made not in taken)
    secret = secrets.token_urlsafe(32)
    kept = ApiKey(
        id=key_id,
        name=name,
        sha256=_digest(secret),
        scopes=frozenset(scopes),
        collections=None if collections is None else frozenset(collections),
        created=now,
        expires=expires,
    )
    return kept, f"{PREFIX}{key_id}_{secret}"


def id_in(text: str) -> str:
    """The id of a key, from the id or from the whole key.

    Raises:
        BadInput: when it is neither; the text is not repeated, for it may be a secret.
    """
    if _ID.fullmatch(text):
        return text
    if found := _KEY.fullmatch(text):
        return found[1]
    raise BadInput(
        "expected the id of a key, 8 hexadecimal digits, got something else; `lookalike key list` shows them"
    )


def opens(presented: str, keys: dict[str, ApiKey], *, now: float) -> ApiKey | None:
    """The key that was presented, if it is one of these and good.

    It takes as long for an unknown id, a wrong secret and a revoked key.
    """
    found = _KEY.fullmatch(presented)
    if found is None:
        return None
    key = keys.get(found[1])
    fits = hmac.compare_digest(_digest(found[2]), key.sha256 if key is not None else _NOBODYS)
    return key if fits and key is not None and key.is_good(now) else None


def check_id(text: str) -> None:
    """Whether a key can have that id.

    Raises:
        BadInput: when none can.
    """
    if not _ID.fullmatch(text):
        raise BadInput(
            "expected as id of a key 8 lower-case hexadecimal digits, got something else; `lookalike key "
            "list` shows them"
        )


def check_name(name: str) -> None:
    """See `make_key`.

    Raises:
        BadInput: when it cannot be the name of a key.
    """
    if not _NAME.fullmatch(name) or name == "loopback":
        raise BadInput(
            "expected as name of a key 1 to 64 letters, digits, spaces, '.', '_', '@' and '-', beginning "
            "with a letter or digit, "
            "got something else; shorten it, and leave out other signs"
        )


def check_collection(name: str) -> None:
    """Whether a collection can have that name.

    Raises:
        BadInput: when none can.
    """
    if not _COLLECTION.fullmatch(name):
        raise BadInput(
            f"expected as name of a collection 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a-z or 0-9, "
            f"got {name[:80]!r}; write it in small letters, and replace other signs by -"
        )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
