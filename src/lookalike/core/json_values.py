"""Values of JSON, told apart as JSON does."""

from __future__ import annotations

import json
import math


def finite(number: str) -> float:
    """A number as JSON writes it, for `parse_float` and `parse_constant` of `json.loads`.

    Raises:
        ValueError: when it is not finite, as `NaN`, or as `1e999` comes to be.
    """
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"expected finite numbers, got {number:.80}")
    return value


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same, in whatever order their keys are. To Python, 1 is True and 1.0, too."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
