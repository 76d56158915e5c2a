"""`python -m lookalike.service.codes`: every code that a reply bears, with its values, as JSON.

It is kept as `docs/reference/codes.json`. A test holds the page's dictionaries to that file.
"""

from __future__ import annotations

import json
import sys

from lookalike.core.fields import BUILT_IN
from lookalike.core.operators import Op
from lookalike.core.saying import PlanCode, ReasonCode, ViewFault
from lookalike.core.wording import Coded
from lookalike.ledger.base import UploadState
from lookalike.service.problem_codes import FaultCode, ProblemCode

STAGES = ("cache", "decode", "embed", "fetch", "filter", "rerank", "refresh", "search", "total", "wait")
"""What `timings_ms` of a reply to a search can hold."""

KINDS: tuple[type[Coded], ...] = (ProblemCode, FaultCode, PlanCode, ReasonCode, ViewFault)


def codes() -> dict[str, object]:
    """All of them: for each kind its codes with the names of their values, and the words that stand alone."""
    named = {kind.__name__: {code.value: list(code.values_named) for code in kind} for kind in KINDS}
    alone = {"Op": list(Op), "Field": list(BUILT_IN), "Stage": list(STAGES), "UploadState": list(UploadState)}
    return {**named, **alone}


def codes_text() -> str:
    """As the committed file has it."""
    return json.dumps(codes(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(codes_text())
