"""Whether pgvector is in a database, or can be put there, and is new enough."""

from __future__ import annotations

import re

from lookalike.core.errors import ServiceDown
from lookalike.storage.postgres.session import Session

OLDEST = (0, 8, 5)
"""Of pgvector: earlier ones lack iterative scans, or have bugs in them."""

_INSTALLED = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
_OFFERED = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
_MAY_CREATE = """
    SELECT rolsuper OR EXISTS (
        SELECT FROM pg_available_extension_versions v JOIN pg_available_extensions e
        ON v.name = e.name AND v.version = e.default_version WHERE e.name = 'vector' AND (v.trusted OR NOT v.superuser))
    FROM pg_roles WHERE rolname = current_user"""


def check_extension(session: Session, *, place: str) -> None:
    """See that it is there.

    Raises:
        ServiceDown: when it is not, or too old.
    """
    found = session.first(_INSTALLED)
    _check_version("none" if found is None else str(found[0]), place=place, is_installed=found is not None)


def check_extension_can_come(session: Session, *, place: str) -> None:
    """See that it is there, or comes with the tables: the server offers it, and the role may create it.

    Raises:
        ServiceDown: when it is not, or too old.
    """
    offered = session.first(_OFFERED)
    if session.first(_INSTALLED) is not None or offered is None:
        check_extension(session, place=place)
        return
    _check_version(str(offered[0]), place=place, is_installed=False)
    (may_create,) = session.one(_MAY_CREATE)
    if not may_create:
        raise ServiceDown(
            f"{place}: expected the extension pgvector, which its role may not create, and it is not there; run "
            "`CREATE EXTENSION vector` there as a superuser"
        )


def _check_version(version: str, *, place: str, is_installed: bool) -> None:
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ServiceDown(
            f"{place}: expected pgvector {oldest} or later, got {version}: install it on the server, "
            f"then run `{'ALTER EXTENSION vector UPDATE' if is_installed else 'CREATE EXTENSION vector'}` there"
        )
