"""Filters: what a picture must be to be answered."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lookalike.core.arguments import checks_arguments
from lookalike.core.condition_values import LONGEST_TEXT
from lookalike.core.conditions import Condition
from lookalike.core.ending import check_wanted
from lookalike.core.errors import BadFilter
from lookalike.core.filter_json import alternatives_from_json
from lookalike.core.filter_text import alternatives_from_text
from lookalike.core.operators import Operand
from lookalike.core.records import ImageRecord

MOST_CONDITIONS = 256
MOST_VALUES_IN_ALL = 10_000
LONGEST_PATTERNS = LONGEST_TEXT
"""Characters of the patterns of all `like`s together: to look for them takes as many steps as they have characters,
times those of all texts that are looked through."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Alternatives, of which one must hold; an alternative is a number of conditions that must all hold.

    A picture that lies in several files passes when one of its files passes, taken alone, all conditions of an
    alternative; a picture without a file is seen as one whose `path`, `folder` and `name` are missing.

    Args:
        alternatives: one empty alternative, which always holds, when left out.
        withheld: built-in fields that whoever asks may not ask for; a collection refuses a filter that does.
    Raises:
        BadFilter: when there are more than 256 conditions, 10,000 values or 4,096 characters of patterns.
    """

    alternatives: tuple[tuple[Condition, ...], ...] = ((),)
    withheld: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        conditions = [condition for alternative in self.alternatives for condition in alternative]
        if len(conditions) > MOST_CONDITIONS or len(self.alternatives) > MOST_CONDITIONS:
            raise BadFilter(
                f"expected at most {MOST_CONDITIONS} conditions, got {max(len(conditions), len(self.alternatives))} "
                "(an `or` beside others multiplies them); "
                f"use in with a list in place of `or`",
                code="filter_too_large",
                values={"limit": MOST_CONDITIONS},
            )
        if (values := sum(len(condition.values) for condition in conditions)) > MOST_VALUES_IN_ALL:
            raise BadFilter(
                f"expected at most {MOST_VALUES_IN_ALL} values in all lists together, got {values}; split them "
                "over several searches",
                code="filter_too_large",
                values={"limit": MOST_VALUES_IN_ALL},
            )
        with_patterns = [one for one in conditions if one.op.definition.takes is Operand.PATTERN]
        patterns = [str(value) for one in with_patterns for value in one.values]
        if (length := sum(map(len, patterns))) > LONGEST_PATTERNS:
            raise BadFilter(
                f"expected at most {LONGEST_PATTERNS} characters in the patterns of all `like`s together "
                f"(an `or` beside others multiplies them), got {length}"
                "; shorten them, or use fewer `or`s",
                code="filter_too_large",
                values={"limit": LONGEST_PATTERNS},
            )

    @classmethod
    def everything(cls) -> Filter:
        """The filter that every picture passes."""
        return cls()

    @classmethod
    def from_json(cls, value: object) -> Filter:
        """Read the API's form: `{"width": {"gte": 800}, "or": [{"label": {"eq": "a"}}, {"label": {"exists": false}}]}`.

        All fields must hold, all operators of a field, and one of the objects in `or`. A scalar in the place of the
        operators means `eq`.

        Raises:
            BadFilter: when the form is another; the message names the place.
        """
        return cls(alternatives_from_json(value))

    @classmethod
    @checks_arguments()
    def parse(cls, text: str) -> Filter:
        """Read the form for people: `folder = ~/Pictures and width > 9 or label in (a, b)`; `and` binds first.

        Operators are `= != < <= > >= like ~ in not in exists not exists`; `~` means that the text occurs somewhere;
        values with spaces or commas stand in quotes. For `path` and `folder`, `~/` and relative paths are resolved.

        Raises:
            BadFilter: when it cannot be read; the message names the position.
        """
        return cls(alternatives_from_text(text))

    def __and__(self, other: Filter) -> Filter:
        """Both must hold (for one and the same file)."""
        if len(self.alternatives) * len(other.alternatives) > MOST_CONDITIONS:
            raise BadFilter(
                f"the filters together have more than {MOST_CONDITIONS} alternatives; use fewer `or`",
                code="filter_too_large",
                values={"limit": MOST_CONDITIONS},
            )
        both = tuple(mine + theirs for mine in self.alternatives for theirs in other.alternatives)
        return Filter(both, self.withheld | other.withheld)

    def withholding(self, fields: frozenset[str]) -> Filter:
        """The same, asked by somebody who may not ask for these fields."""
        return replace(self, withheld=self.withheld | fields) if self else self

    def __bool__(self) -> bool:
        """Whether anything is asked: False for a filter that every picture passes."""
        return () not in self.alternatives

    @property
    def is_about_files(self) -> bool:
        """Whether a condition is about `path`, `folder` or `name`."""
        return any(condition.is_about_files for alternative in self.alternatives for condition in alternative)

    @property
    def leaves_out_the_dateless(self) -> bool:
        """Whether a picture may fail for no other reason than that it has no date."""
        return "taken_at" not in self.withheld and any(
            condition.field == "taken_at" and not condition.op.definition.finds_missing
            for alternative in self.alternatives
            for condition in alternative
        )

    def matches(self, image: ImageRecord, path: str | None) -> bool:
        """Whether a picture passes, seen as the file at `path` (None: a picture without a file).

        Raises:
            DeadlineExceeded: when nobody wants to know it any more.
        """
        check_wanted()
        return any(
            all(condition.matches(image, path) for condition in alternative) for alternative in self.alternatives
        )
