"""What a reply says of itself: how pictures were found, and why one was judged as it was."""

from __future__ import annotations

from lookalike.core.wording import Coded, Words, words_of


class PlanCode(Coded):
    """A step on the way from a query to its hits."""

    EXACT = "exact"
    EXACT_ALLOWED = "exact_allowed", "count"
    EXACT_FILTERED = "exact_filtered", "count"
    EXACT_ON_DEVICE = "exact_on_device", "device"
    EXACT_BY_MODELS = "exact_by_models", "models"
    NEAREST_BY_MODELS = "nearest_by_models", "models", "depth"
    LISTS = "lists", "looked_at", "lists", "compared"
    SHARDED_LISTS = "sharded_lists", "shards", "looked_at", "lists", "compared"
    SHARDS = "shards", "shards", "compared"
    GRAPH = "graph", "compared"
    ALL_CODES = "all_codes", "compared"
    AMONG_FILTERED = "among_filtered"
    WIDENED = "widened"
    GROUPED = "grouped"
    CONFIDENT = "confident", "least"
    CONFIDENCE_UNKNOWN = "confidence_unknown"
    LOOKED_AT_AGAIN = "looked_at_again", "count", "by"


class ReasonCode(Coded):
    """Why a second look judged a picture as it did."""

    COMPARED_BY = "compared_by", "model"
    AGREE = "agree", "agreeing", "points"
    FEW_ALIKE = "few_alike", "points"
    NO_VIEW = "no_view", "points"
    BY_CHANCE = "by_chance", "agreeing", "points"
    IMPOSSIBLE_VIEW = "impossible_view", "agreeing", "points", "fault"
    MIRRORED = "mirrored", "agreeing", "points"
    QUERY_TOO_PLAIN = "query_too_plain", "points", "least"
    PICTURE_TOO_PLAIN = "picture_too_plain", "points", "least"
    GONE = "gone"
    UNUSABLE = "unusable", "refusal"


class ViewFault(Coded):
    """Why no camera can have taken a view."""

    LINE = "line"
    INFINITE = "infinite"
    INSIDE_OUT = "inside_out"
    SCALED = "scaled"
    STRETCHED = "stretched"
    BENT = "bent"
    ONE_LINE = "one_line"


def exact_plan(allowed: int | None) -> Words:
    """That all were compared, or all of some that are allowed."""
    if allowed is None:
        return words_of("exact", PlanCode.EXACT)
    return words_of(f"exact over {allowed:,} allowed", PlanCode.EXACT_ALLOWED, count=allowed)


def among_filtered(plan: Words) -> Words:
    """The same, where only pictures that pass a filter were looked at."""
    return plan.and_then(words_of("among those that pass the filter", PlanCode.AMONG_FILTERED))
