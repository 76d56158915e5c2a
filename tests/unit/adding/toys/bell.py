"""A toy: a broker that rings in this process."""

from __future__ import annotations

from lookalike.dispatch.memory import MemoryDispatch


class BellDispatch(MemoryDispatch):
    """See `lookalike.dispatch.base.Dispatch`."""
