"""Sizes in bytes as people write them."""

from __future__ import annotations

import re

from lookalike.core.errors import BadInput

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(text: str) -> int:
    """Understand `4G`, `512 MiB`, `1.5gb` or a plain number of bytes; each letter is a power of 1,024.

    Raises:
        BadInput: when it is no size, or less than a byte.
    """
    parts = _SIZE.fullmatch(text.strip())
    size = int(float(parts[1]) * _FACTORS[parts[2].lower()]) if parts else 0
    if size < 1:
        raise BadInput(f"expected a size such as 4G or 512M, got {text!r}; leave it out for the usual one")
    return size
