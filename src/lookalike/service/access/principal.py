"""Who asks, once that is known, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from lookalike.core.errors import BadInput


class Scope(StrEnum):
    """What may be done; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_INCLUDED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE}),
    Scope.ADMIN: frozenset(Scope),
}

Kind = Literal["loopback", "key", "token"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        name: different for any two that are not the same: that of a key, `token:` and the subject of a token, or
            `loopback`.
        scopes: as granted; `may` knows which include which.
        collections: to which the grant is bound; None for all.
        kind: how they showed who they are.
        key_id: of the key; '' where there is none.
        expires_at: until when that is good, Unix time in seconds; None for ever.
    """

    name: str
    scopes: frozenset[Scope]
    collections: frozenset[str] | None
    kind: Kind
    key_id: str = ""
    expires_at: float | None = None

    def may(self, scope: Scope, collection: str | None = None) -> bool:
        """Whether they may do something, in one collection or, with None, as such."""
        return any(scope in _INCLUDED[granted] for granted in self.scopes) and self.sees(collection)

    def sees(self, collection: str | None) -> bool:
        """Whether a collection exists for them."""
        return self.collections is None or collection is None or collection in self.collections

    def to_json(self) -> str:
        """A text from which `from_json` makes the same."""
        return json.dumps(
            {
                "name": self.name,
                "scopes": sorted(self.scopes),
                "collections": None if self.collections is None else sorted(self.collections),
                "kind": self.kind,
                "key_id": self.key_id,
                "expires_at": self.expires_at,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Principal:
        """Who `to_json` was called of. Only for what we have kept ourselves: it is not checked."""
        facts = json.loads(text)
        return cls(
            name=facts["name"],
            scopes=frozenset(map(Scope, facts["scopes"])),
            collections=None if facts["collections"] is None else frozenset(facts["collections"]),
            kind=facts["kind"],
            key_id=facts["key_id"],
            expires_at=facts["expires_at"],
        )


LOOPBACK = Principal("loopback", frozenset(Scope), None, "loopback")
"""Whoever sits at the machine itself, while no credentials are configured."""


def parse_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes of their names.

    Raises:
        BadInput: for a name that is none.
    """
    try:
        return frozenset(map(Scope, words))
    except ValueError as error:
        raise BadInput(f"expected scopes of {', '.join(Scope)}: {error}; correct its spelling") from error
