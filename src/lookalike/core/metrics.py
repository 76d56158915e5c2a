"""The ways in which two vectors can be compared."""

from __future__ import annotations

from enum import StrEnum

from lookalike.core.errors import BadInput


class Metric(StrEnum):
    """How near two vectors are. A collection is always searched by cosine; arrays can be searched by any."""

    COSINE = "cosine"
    """Similarity: q·x / (|q| |x|), 0 where a length is 0. Higher is closer."""

    INNER_PRODUCT = "inner-product"
    """Similarity: q·x. Higher is closer."""

    L2 = "l2"
    """Distance: |q - x|, not squared. Lower is closer."""

    @property
    def higher_is_closer(self) -> bool:
        """False for distances."""
        return self is not Metric.L2

    @classmethod
    def parse(cls, text: str) -> Metric:
        """Understand a metric's name.

        Raises:
            BadInput: when there is no such metric.
        """
        try:
            return cls(text)
        except ValueError:
            raise BadInput(
                f"expected a metric, one of {', '.join(cls)}, got {text!r}; take cosine where only the direction counts"
            ) from None
