"""The words of refusals are documented, all and only they."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

from lookalike.images.refusals import TO_DO, RefusalCode, refusal

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

    assert (str(error), error.code) == ("nothing; copy it again from where it came", "empty")


def test_every_refusal_says_what_to_do_even_when_its_reason_is_cut() -> None:
    for code in set(RefusalCode) - {RefusalCode.NEEDS_EXTRA}:
        assert str(refusal(code, "x" * 900)).endswith(f"x; {TO_DO[code]}")


def test_a_reason_that_knows_better_what_to_do_says_that_in_place_of_what_is_usual() -> None:
    assert str(refusal(RefusalCode.UNREADABLE, "no such name", to_do="rename it")) == "no such name; rename it"
    assert str(refusal(RefusalCode.UNREADABLE, "run this line", to_do="")) == "run this line"
