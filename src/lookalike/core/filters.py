"""Filters: what a picture must be to be answered (placeholder being replaced)."""
from dataclasses import dataclass
@dataclass(frozen=True)
class Filter:
    """Being written."""
