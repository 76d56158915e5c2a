"""What an ingest has passed over, counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike.images.candidates import PICTURES, PassedOverAs

MOST_EXAMPLES = 5


@dataclass(slots=True)
class PassedOver:
    """Files and folders that were not looked into.

    Attributes:
        total: how many.
        by_reason: how many of each, by what they were taken for: see `docs/reference/refusals.md`.
        examples: the first few paths of each.
    """

    total: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, path: str, reason: PassedOverAs) -> None:
        """Count one more."""
        self.total += 1
        self.by_reason[reason.value] = self.by_reason.get(reason.value, 0) + 1
        examples = self.examples.setdefault(reason.value, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(path)

    @property
    def pictures(self) -> int:
        """How many of them somebody may miss."""
        return sum(count for reason, count in self.by_reason.items() if PassedOverAs(reason) in PICTURES)
