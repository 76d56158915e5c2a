"""Who is granted a lease, by what was granted last: the same in every engine."""

from __future__ import annotations

from dataclasses import replace

from lookalike.core.errors import BadInput
from lookalike.core.lease import Lease


def grant_lease(last: Lease | None, name: str, holder: str, *, now_s: int, lasts_s: int) -> Lease | None:
    """What becomes of a request.

    Args:
        last: what was granted last under this name; None where nothing was.
        name: of what is to be done.
        holder: who asks.
        now_s: seconds since 1970, by the catalog's clock.
        lasts_s: for how long.
    Returns:
        the lease: the same, longer, for who holds it still; a new one with a larger fence where it has ended; None
        where another one holds it.
    Raises:
        BadInput: when a name is empty or `lasts_s` is less than 1.
    """
    if not name or not holder or lasts_s < 1:
        raise BadInput(
            f"expected the name of a lease, a holder and at least 1 second, got {name!r}, {holder!r} and {lasts_s}: "
            "ask with all three"
        )
    if last is None:
        return Lease(name=name, holder=holder, fence=1, ends_at=now_s + lasts_s)
    if last.ends_at > now_s:
        return replace(last, ends_at=now_s + lasts_s) if last.holder == holder else None
    return Lease(name=name, holder=holder, fence=last.fence + 1, ends_at=now_s + lasts_s)


def cut_lease(last: Lease | None, lease: Lease, *, now_s: int) -> Lease | None:
    """The lease as it is once its holder lets it go; None where it is another's by now."""
    if last is None or (last.holder, last.fence) != (lease.holder, lease.fence):
        return None
    return replace(last, ends_at=min(last.ends_at, now_s))
