"""When a process feeds an index that lives elsewhere."""

from __future__ import annotations

from enum import Enum


class Feeds(Enum):
    """When a process brings an index elsewhere up to date."""

    NEVER = "it only searches"
    WHEN_ASKED = "when `View.feed` is called, as the housework of a service does"
    AFTER_WRITING = "after indexing, before that ends"
    BESIDE = "all the time, on a thread that gives way to searches, and after indexing"
