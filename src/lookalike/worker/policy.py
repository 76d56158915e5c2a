"""What follows when a handler did not succeed: the table of errors, and how long to wait."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lookalike.core.errors import (
    BadInput,
    Busy,
    CollectionReplaced,
    Conflict,
    DeadlineExceeded,
    DecoderDied,
    Interrupted,
    Locked,
    LookalikeError,
    MissingExtra,
    ModelUnavailable,
    NoCollection,
    NotFound,
    ReadOnly,
    ServiceDown,
    SnapshotDamaged,
    StorageFailed,
)

_NOT_TRIED: tuple[type[LookalikeError], ...] = (
    Busy,
    CollectionReplaced,
    DeadlineExceeded,
    Interrupted,
    Locked,
    ReadOnly,
    ServiceDown,
    StorageFailed,
)
"""What kept the job from being tried at all: it says nothing of the job, so it is never given up for that."""

_PASSES: tuple[type[LookalikeError], ...] = (
    DecoderDied,  # the system may have run out of memory for another's sake
    ModelUnavailable,  # its file is put back
    SnapshotDamaged,  # it is rebuilt
)
"""What may go better another time; every other error of ours stays as it is, however often one tries."""

MOST_DECODERS = 5
"""How many decoders a picture may bring down before its job is given up, sooner than others are."""

_FIRST_S, _GROWTH, _LONGEST_S = 2.0, 4.0, 900.0
_LONGEST_WAIT_S = 60.0
"""How long a job that could not be tried waits at most: what kept it from that may have passed."""


class Verdict(NamedTuple):
    """What to do with a job that did not succeed.

    Attributes:
        code, detail: for whoever asks how the job stands.
        retry_in_s: when to try again, in seconds; None for never.
        was_tried: whether it counts as one of the tries after which a job is given up.
        expected: whether the error was raised on purpose; any other is for a developer to look at.
    """

    code: str
    detail: str
    retry_in_s: float | None
    was_tried: bool
    expected: bool


def error_policy(
    error: Exception, *, attempts: int, postponed: int = 0, random: Callable[[], float] = random.random
) -> Verdict:
    """Decide by the error's class.

    Args:
        error: what the handler raised.
        attempts: how often the job was tried, this time included.
        postponed: how often it could not be tried, this time left out.
        random: gives a number from 0 to 1.
    """
    if isinstance(error, _NOT_TRIED):
        wait_s = min(_LONGEST_WAIT_S, backoff_s(postponed + 1, random=random))
        if isinstance(error, Busy):
            wait_s = max(wait_s, error.retry_after_s)
        return Verdict(error.code, _describe(error), wait_s, was_tried=False, expected=True)
    wait_s = backoff_s(attempts, random=random)
    if not isinstance(error, LookalikeError):  # its message may hold what is nobody's business; the log has it
        detail = f"it could not be done, by an error that was not foreseen ({type(error).__name__}); {_ASK}"
        return Verdict("unexpected", detail, wait_s, was_tried=True, expected=False)
    passes = isinstance(error, _PASSES) and not (isinstance(error, DecoderDied) and attempts >= MOST_DECODERS)
    retry_in_s = wait_s if passes else None
    return Verdict(error.code, _describe(error), retry_in_s, was_tried=True, expected=True)


_ASK = "ask whoever runs the service, whose log says why"

_WHY: Mapping[type[LookalikeError], str] = {
    Locked: "it cannot be done while another process keeps the collection; wait, for it is tried again by itself",
    ReadOnly: "the service's disk cannot be written; wait, for it is tried again by itself",
    StorageFailed: "it cannot be stored: the service's disk is full or fails; wait, for it is tried again by itself",
    NoCollection: "the collection is not there any more; upload the picture to another one",
}


def _describe(error: LookalikeError) -> str:
    """What whoever put the job in is told: of what failed on our side no paths, for the log has them."""
    if isinstance(error, BadInput | Busy | Conflict | NotFound | MissingExtra):
        return error.public
    kind = next((one for one in _WHY if isinstance(error, one)), None)
    if kind is not None:
        return _WHY[kind]
    return f"the service could not do it ({error.code}); {_ASK}"


def backoff_s(attempts: int, *, random: Callable[[], float] = random.random) -> float:
    """How long to wait before the next attempt, in seconds: about 2, 8, 32, 128, 512, and 900 from then on.

    Half of it is left to chance, so that jobs which failed together do not come back together.
    """
    whole_s = min(_LONGEST_S, _FIRST_S * _GROWTH ** min(max(0, attempts - 1), 10))
    return whole_s * (0.5 + random() / 2)
