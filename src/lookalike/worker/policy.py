"""What follows when a handler did not succeed: the table of errors, and how long to wait."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from lookalike.core.errors import (
    BadInput,
    Busy,
    Conflict,
    DeadlineExceeded,
    Interrupted,
    Locked,
    LookalikeError,
    MissingExtra,
    NotFound,
    ServiceDown,
    SnapshotDamaged,
    StorageFailed,
)

_PASSES: tuple[type[LookalikeError], ...] = (
    Busy,
    DeadlineExceeded,
    Interrupted,
    Locked,
    ServiceDown,
    SnapshotDamaged,  # it is rebuilt
    StorageFailed,
)
"""What may go better another time; every other error of ours stays as it is, however often one tries."""

_FIRST_S, _GROWTH, _LONGEST_S = 2.0, 4.0, 900.0


class Verdict(NamedTuple):
    """What to do with a job that did not succeed.

    Attributes:
        code, detail: for whoever asks how the job stands.
        retry_in_s: when to try again, in seconds; None for never.
        expected: whether the error was raised on purpose; any other is for a developer to look at.
    """

    code: str
    detail: str
    retry_in_s: float | None
    expected: bool


def error_policy(error: Exception, *, attempts: int, random: Callable[[], float] = random.random) -> Verdict:
    """Decide by the error's class.

    Args:
        error: what the handler raised.
        attempts: how often the job was begun, this time included.
        random: gives a number from 0 to 1.
    """
    wait_s = backoff_s(attempts, random=random)
    if not isinstance(error, LookalikeError):  # its message may hold what is nobody's business; the log has it
        return Verdict("unexpected", f"an unexpected error ({type(error).__name__})", wait_s, expected=False)
    if isinstance(error, Busy):
        return Verdict(error.code, error.public, max(wait_s, error.retry_after_s), expected=True)
    return Verdict(error.code, _told(error), wait_s if isinstance(error, _PASSES) else None, expected=True)


def _told(error: LookalikeError) -> str:
    """What whoever put the job in is told: of what failed on our side no paths, for the log has them."""
    if isinstance(error, BadInput | Conflict | NotFound | MissingExtra):
        return error.public
    return f"the service could not do it ({error.code}); its log says why"


def backoff_s(attempts: int, *, random: Callable[[], float] = random.random) -> float:
    """How long to wait before the next attempt, in seconds: about 2, 8, 32, 128, 512, and 900 from then on.

    Half of it is left to chance, so that jobs which failed together do not come back together.
    """
    whole_s = min(_LONGEST_S, _FIRST_S * _GROWTH ** min(max(0, attempts - 1), 10))
    return whole_s * (0.5 + random() / 2)
