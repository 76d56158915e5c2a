"""A lease: for a while, one of many processes may do what only one should do at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a catalog has granted.

    Attributes:
        name: of what may be done.
        holder: a word for who may do it, different for each process and each time it starts.
        fence: grows with each holder. Who is written to refuses a smaller one than it has seen, and so everybody whose
            lease has ended without their noticing.
        ends_at: seconds since 1970, by the catalog's clock.
    """

    name: str
    holder: str
    fence: int
    ends_at: int
