"""The words of refusals are documented, all and only they."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

from lookalike.images.refusals import RefusalCode, refusal

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "refusals.md"


def test_the_page_lists_exactly_the_codes_that_exist() -> None:
    documented = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert documented == [code.value for code in RefusalCode]


def test_a_reason_is_one_printable_line() -> None:
    error = refusal(RefusalCode.DAMAGED, "one\ntwo\x1b[31m  three " + "x" * 900)

    assert str(error).startswith("one two [31m three x")
    assert len(str(error)) == 300


def test_a_refusal_crosses_between_processes() -> None:
    error = pickle.loads(pickle.dumps(refusal(RefusalCode.EMPTY, "nothing")))

    assert (str(error), error.code) == ("nothing", "empty")
