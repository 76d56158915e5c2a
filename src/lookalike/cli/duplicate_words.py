"""How a duplicate is told of: the same in the list and on the sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.duplicates.result import DuplicateMember


def how_it_stands(member: DuplicateMember) -> str:
    """What a file is in its group, and why, in one line."""
    if member.keep:
        return f"keep: {member.reason}"
    return f"{member.kind}{'' if member.could_go else ', keep too'}: {member.reason}"
