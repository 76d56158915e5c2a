"""How long what is removed is kept, where nothing else is said; apart, so that settings are read without numpy."""

from __future__ import annotations

from typing import Final

KEEP_REMOVED_DAYS: Final = 90
"""Of the metadata of removed pictures."""
