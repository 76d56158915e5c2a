"""What an examination comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it is; a problem is what may cost answers or data, a warning is what costs time or will become a problem."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: `environment`, `disk`, `lock`, `model`, `privacy`, `catalog`, `objects`, `leftovers`,
            `snapshot`, `elsewhere` or `files`.
        status: how it is.
        what: one line: what was found. Names of files stand in it as they are.
        advice: one line: what to do; empty where there is nothing to do.
    """

    check: str
    status: Status
    what: str
    advice: str = ""


def fine(check: str, what: str, advice: str = "") -> Finding:
    """A finding that all is well."""
    return Finding(check, Status.OK, what, advice)


def warning(check: str, what: str, advice: str) -> Finding:
    """A finding that is worth a look."""
    return Finding(check, Status.WARNING, what, advice)


def problem(check: str, what: str, advice: str) -> Finding:
    """A finding that has to be mended."""
    return Finding(check, Status.PROBLEM, what, advice)
