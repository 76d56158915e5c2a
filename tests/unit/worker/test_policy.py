"""Which errors pass, and how long to wait."""

from __future__ import annotations

import pytest

from lookalike.core import errors
from lookalike.core.errors import LookalikeError, Overloaded
from lookalike.worker.policy import backoff_s, error_policy

NOT_TRIED = {
    "busy", "rate_limited", "overloaded", "deadline_exceeded", "interrupted", "locked", "service_down",
    "storage_failed", "read_only", "collection_replaced",
}  # fmt: skip
PASSING = {*NOT_TRIED, "decoder_died", "snapshot_damaged", "model_unavailable"}


def every_kind(kind: type[LookalikeError] = LookalikeError) -> list[type[LookalikeError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every_kind(child))]


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_only_what_may_go_better_another_time_is_tried_again(kind: type[LookalikeError]) -> None:
    error = kind.__new__(kind, "why")
    Exception.__init__(error, "why")
    error.retry_after_s = 0.0  # type: ignore[attr-defined]
    if isinstance(error, errors.MissingExtra):
        error.__init__("cv2", extra="features", purpose="why")  # type: ignore[misc]
    verdict = error_policy(error, attempts=1)
    assert (verdict.retry_in_s is not None) == (kind.code in PASSING)
    assert (verdict.code, verdict.expected) == (kind.code, True)
    assert verdict.was_tried == (kind.code not in NOT_TRIED)
    assert verdict.detail
    is_of_the_caller = isinstance(error, errors.BadInput | errors.Busy | errors.Conflict | errors.NotFound)
    assert (verdict.detail == "why") == (is_of_the_caller and not isinstance(error, errors.PartBusy))


def test_a_picture_that_brings_decoders_down_is_tried_five_times_and_then_given_up_with_its_own_reason() -> None:
    verdicts = [error_policy(errors.DecoderDied("it crashed"), attempts=attempts) for attempts in range(1, 7)]
    assert [verdict.retry_in_s is not None for verdict in verdicts] == [True] * 4 + [False] * 2
    assert {verdict.was_tried for verdict in verdicts} == {True}
    assert (verdicts[-1].code, verdicts[-1].detail) == ("decoder_died", "it crashed")


def test_the_code_of_a_refused_picture_is_told() -> None:
    verdict = error_policy(errors.ImageRefused("it is cut off", code="truncated"), attempts=1)
    assert verdict == ("truncated", "it is cut off", None, True, True)


def test_an_error_of_nobody_is_tried_again_and_its_message_stays_in_the_log() -> None:
    verdict = error_policy(KeyError("/home/zoe/secret"), attempts=1)
    assert verdict.retry_in_s is not None
    assert (verdict.code, verdict.expected) == ("unexpected", False)
    assert "KeyError" in verdict.detail
    assert "secret" not in verdict.detail


def test_a_time_that_an_error_asks_for_is_kept() -> None:
    assert error_policy(Overloaded("later", retry_after_s=77.0), attempts=1).retry_in_s == 77.0
    assert error_policy(Overloaded("later", retry_after_s=0.1), attempts=9, random=lambda: 1.0).retry_in_s == 2.0


def test_what_could_not_be_tried_waits_longer_each_time_and_never_longer_than_a_minute() -> None:
    waits = [
        error_policy(errors.Locked("later"), attempts=1, postponed=n, random=lambda: 1.0).retry_in_s for n in range(6)
    ]
    assert waits == [2.0, 8.0, 32.0, 60.0, 60.0, 60.0]


def test_waiting_grows_to_a_bound_and_half_of_it_is_chance() -> None:
    most = [backoff_s(attempts, random=lambda: 1.0) for attempts in range(1, 8)]
    assert most == [2.0, 8.0, 32.0, 128.0, 512.0, 900.0, 900.0]
    assert [backoff_s(attempts, random=lambda: 0.0) for attempts in (1, 2, 10**6)] == [1.0, 4.0, 450.0]
    assert backoff_s(0, random=lambda: 1.0) == 2.0


OURS = [
    errors.CatalogDamaged,
    errors.Locked,
    errors.ModelUnavailable,
    errors.NoCollection,
    errors.ReadOnly,
    errors.StorageFailed,
]


@pytest.mark.parametrize("kind", OURS)
def test_what_failed_on_our_side_is_told_without_a_path(kind: type[LookalikeError]) -> None:
    verdict = error_policy(kind("/srv/photos/catalog.sqlite: the disk is full"), attempts=1)

    assert "/srv" not in verdict.detail
    assert "catalog.sqlite" not in verdict.detail
    assert verdict.detail
