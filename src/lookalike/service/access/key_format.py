"""How keys are written: the JSON of the file in which they are kept.

    {"version": 1,
     "keys": [{"id": "3f9a01c7", "name": "phone", "sha256": "…", "scopes": ["read"], "collections": ["photos"],
               "created": "2026-01-31T12:00:00Z", "expires": null, "revoked": null}]}

`collections` null stands for all, `expires` and `revoked` null for never. What is not promised: the order of keys and
fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from lookalike.core.errors import BadInput
from lookalike.service.access.keys import ApiKey, check_collection, check_id, check_name
from lookalike.service.access.principal import parse_scopes

VERSION = 1

_FIELDS = {"id", "name", "sha256", "scopes", "collections", "created", "expires", "revoked"}


def parse_keys(content: bytes) -> dict[str, ApiKey]:
    """Keys by id.

    Raises:
        BadInput: when they are damaged; the message says how, and repeats nothing that may be a secret.
    """
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise BadInput(
                f"expected version {VERSION} of the file, got another; restore it from a copy, or upgrade Lookalike"
            )
        keys = [_key(entry) for entry in document["keys"]]
    except json.JSONDecodeError as error:
        raise BadInput(f"expected JSON: {error}; restore it from a copy") from None  # the error holds the text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"expected a version and a list of keys: {type(error).__name__}; restore it from a copy"
        ) from None
    if len({key.id for key in keys}) < len(keys):
        raise BadInput("expected of each key an id of its own, but two have the same; remove one of them")
    return {key.id: key for key in keys}


def format_keys(keys: Iterable[ApiKey]) -> str:
    """What `parse_keys` reads, a line for each key, the oldest first."""
    oldest_first = sorted(keys, key=lambda key: (key.created, key.id))
    entries = ",\n".join(f"  {json.dumps(_entry(key))}" for key in oldest_first)
    return f'{{"version": {VERSION}, "keys": [\n{entries}\n]}}\n'


def moment(seconds: float | None) -> str | None:
    """Unix time in seconds as RFC 3339 in UTC; None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _key(entry: dict[str, object]) -> ApiKey:
    if set(entry) != _FIELDS:
        raise BadInput(
            f"expected of each key {', '.join(sorted(_FIELDS))}, but one has others; restore the file from a copy"
        )
    sha256, name, collections = str(entry["sha256"]), str(entry["name"]), entry["collections"]
    check_id(str(entry["id"]))
    check_name(name)
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise BadInput("expected 64 hexadecimal digits as sha256, got others; restore the file from a copy")
    created = _seconds(entry["created"])
    if created is None:
        raise BadInput("expected a time in created, but there is none; restore the file from a copy")
    return ApiKey(
        id=str(entry["id"]),
        name=name,
        sha256=sha256,
        scopes=parse_scopes(_words(entry["scopes"])),
        collections=None if collections is None else frozenset(_names(collections)),
        created=created,
        expires=_seconds(entry["expires"]),
        revoked=_seconds(entry["revoked"]),
    )


def _words(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BadInput(
            "expected a list of words in scopes and in collections, got something else; restore the file from a copy"
        )
    return value


def _names(value: object) -> list[str]:
    names = _words(value)
    for name in names:
        check_collection(name)
    return names


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise BadInput("expected times such as 2026-01-31T12:00:00Z, but one has no zone; add Z at its end")
    return moment.timestamp()


def _entry(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "sha256": key.sha256,
        "scopes": sorted(key.scopes),
        "collections": None if key.collections is None else sorted(key.collections),
        **{name: moment(getattr(key, name)) for name in ("created", "expires", "revoked")},
    }
