"""How many bytes of requests one process holds at a time, and for whom: one caller gets no more than their share."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from lookalike.core.errors import Overloaded
from lookalike.service.asker import current_asker

SMALL_BYTES = 64_000
"""What one request may hold however much there is."""
RETRY_AFTER_S = 1


class RequestBytes:
    """Room for so many; belongs to the event loop. Three quarters of it are for one caller at most.

    Args:
        most_bytes: of all together; small requests are taken beyond it.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.most_of_one_bytes = most_bytes - most_bytes // 4
        self._sizes_bytes = Counter[str]()

    @property
    def size_bytes(self) -> int:
        """How many there are now."""
        return self._sizes_bytes.total()

    def add(self, size_bytes: int, *, caller: str) -> None:
        """Count some, or some fewer; '' for a caller that is not known."""
        self._sizes_bytes[caller] += size_bytes
        if not self._sizes_bytes[caller]:
            del self._sizes_bytes[caller]

    def is_too_much(self, *, caller: str) -> bool:
        """Whether all together hold too much, or this caller does."""
        of_one = self._sizes_bytes[caller] if caller else 0
        return self.size_bytes > self.most_bytes or of_one > self.most_of_one_bytes

    def overloaded_error(self, what: str) -> Overloaded:
        """The error for who brings more.

        Args:
            what: takes the room, for people.
        """
        return Overloaded(
            f"at most {self.most_bytes} bytes may be taken by {what}, {self.most_of_one_bytes} of them by "
            "one caller, and they are: try again once some are done",
            retry_after_s=RETRY_AFTER_S,
        )


class Holding:
    """What one request holds, until it lets go. A context manager that does.

    Args:
        of_all: what all hold.
    """

    def __init__(self, of_all: RequestBytes) -> None:
        self._of_all = of_all
        self._caller = ""
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.let_go()

    def add(self, size_bytes: int) -> bool:
        """Count bytes that came, as those of who was let in before the first did; False where that is too much."""
        if not self.size_bytes:
            self._caller = current_asker().name
        self.size_bytes += size_bytes
        self._of_all.add(size_bytes, caller=self._caller)
        return self.size_bytes <= SMALL_BYTES or not self._of_all.is_too_much(caller=self._caller)

    def let_go(self) -> None:
        """Hold nothing any more. Idempotent."""
        self._of_all.add(-self.size_bytes, caller=self._caller)
        self.size_bytes = 0
