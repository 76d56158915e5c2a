"""What an ingest has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike.ingest.passed_over import PassedOver
from lookalike.ingest.prune import KeptFolder


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was not taken in.

    Attributes:
        path: absolute.
        reason: one line for people.
        code: a word for programs, see `docs/reference/refusals.md`.
    """

    path: str
    reason: str
    code: str


@dataclass(slots=True)
class IngestReport:
    """What an ingest has done; counts grow while it runs.

    Attributes:
        added: files with a picture that the collection did not hold.
        recognised: new files (copies, renamed ones) with a picture that it had: nothing was computed.
        unchanged: files that hold what they did before: not read, unless size or time of change differ.
        updated: known files that hold another picture now.
        removed: files that were forgotten because they are gone, or hold no picture any more (those are among `failed`,
            too); the old name of a renamed one does not count.
        kept: folders that cannot be seen into, below which nothing was forgotten.
        failed: what was refused, also earlier and unchanged since.
        cut_short: files that were taken in although they lack their end: JPEGs without their last marker, of which
            every row could be read.
        passed_over: what was not looked into, by name or by its first bytes.
        unmatched_patterns: of those to exclude, which have matched nothing.
        unmatched_forget: of the places to forget, those at or below which nothing is missing.
        labelled: pictures whose metadata this run has changed.
        labels_returned: pictures that had been removed, and have got back the metadata that was kept of them.
        without_date: pictures of the collection, after it, of which nothing tells when they were taken.
        total: files to look at, as far as is known.
        seconds: since the beginning.
        dry_run: whether nothing was done.
    """

    added: int = 0
    recognised: int = 0
    unchanged: int = 0
    updated: int = 0
    removed: int = 0
    kept: list[KeptFolder] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    cut_short: list[str] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)
    unmatched_patterns: list[str] = field(default_factory=list)
    unmatched_forget: list[str] = field(default_factory=list)
    labelled: int = 0
    labels_returned: int = 0
    without_date: int = 0
    total: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    @property
    def done(self) -> int:
        """Files looked at."""
        return self.added + self.recognised + self.unchanged + self.updated + len(self.failed)

    @property
    def read(self) -> int:
        """Files that were read and taken in."""
        return self.added + self.recognised + self.updated

    @property
    def photos_per_second(self) -> float:
        """Files read and taken in, by the second."""
        return self.read / self.seconds if self.seconds > 0 else 0.0
