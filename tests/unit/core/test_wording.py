from __future__ import annotations

import copy
import json
import pickle

import pytest

from lookalike.core import errors
from lookalike.core.saying import PlanCode, ReasonCode, among_filtered, exact_plan
from lookalike.core.wording import Remark, remarks_of, words_of


def test_words_are_a_text_that_knows_what_it_says() -> None:
    words = exact_plan(3).and_then(words_of("one of each group", PlanCode.GROUPED))

    assert words == "exact over 3 allowed, one of each group"
    assert remarks_of(words) == (Remark("exact_allowed", {"count": 3}), Remark("grouped", {}))
    assert json.dumps(words) == '"exact over 3 allowed, one of each group"'


def test_words_survive_being_copied_and_sent_to_another_process() -> None:
    words = among_filtered(exact_plan(None))

    for same in (copy.deepcopy(words), pickle.loads(pickle.dumps(words))):
        assert (same, remarks_of(same)) == (words, words.remarks)


def test_a_plain_text_says_nothing_that_programs_know() -> None:
    assert remarks_of("exact") == ()


@pytest.mark.parametrize("values", [{}, {"points": 3}, {"points": 3, "agreeing": 2, "more": 1}])
def test_what_is_said_has_all_values_of_its_code_and_no_others(values: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="agree: expected the values agreeing, points"):
        words_of("x", ReasonCode.AGREE, **values)


@pytest.mark.parametrize(
    "error",
    [
        errors.FetchRefused("x", code="url_status", values={"status": 404}),
        errors.ImageRefused("x", code="too_large", values={"limit_bytes": 1}),
        errors.UploadRefused("x", code="size_mismatch"),
        errors.Conflict("x"),
        errors.RateLimited("x", retry_after_s=3, values={"limit": 9}),
        errors.MissingExtra("library", extra="extra", purpose="reading"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_keep_code_and_values_on_their_way_between_processes(error: errors.LookalikeError) -> None:
    same = pickle.loads(pickle.dumps(error))

    assert (type(same), str(same), same.code, same.values) == (type(error), str(error), error.code, error.values)
