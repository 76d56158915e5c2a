"""Filters that come with a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lookalike.core.fields import TELLING_PLACES
from lookalike.core.filters import Filter
from lookalike.search.where import read_filter
from lookalike.service.access.principal import Principal, Scope


def filter_of(asked: Mapping[str, object] | None, principal: Principal) -> Filter:
    """Read a filter; who is not told where files lie may not find out by asking for it either.

    Raises:
        BadFilter: when it cannot be understood.
    """
    return check_allowed(read_filter(asked), principal)


def check_allowed(where: Filter, principal: Principal) -> Filter:
    """A filter that was read already, as somebody may ask it."""
    withheld = _withheld(principal)
    return where.withholding(withheld) if withheld else where


def askable(fields: Iterable[str], principal: Principal) -> list[str]:
    """Those of the fields that somebody may ask for."""
    withheld = _withheld(principal)
    return [field for field in fields if field not in withheld]


def _withheld(principal: Principal) -> frozenset[str]:
    return frozenset() if principal.may(Scope.ADMIN) else TELLING_PLACES
