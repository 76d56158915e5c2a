"""What is told of duplicates: groups, their members, which one to keep, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lookalike.core.arguments import checks_arguments


class DuplicateKind(StrEnum):
    """In what way two files are the same, the strictest first."""

    BYTE = "byte-identical"
    PIXEL = "pixel-identical"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class DuplicateMember:
    """One file of a group, or a picture that lies in no file.

    Attributes:
        id: of the picture.
        path: of the file; None for a picture that was added as bytes.
        width: in pixels, upright.
        height: in pixels, upright.
        size_bytes: of the file.
        similarity: cosine to the first of the group, 1 for the same bytes.
        kind: in what way it is the same as the first; of the first itself `BYTE`.
        keep: whether this is the one to keep: the first of its group, and no other.
        could_go: whether the one that is kept holds all that this one holds.
        reason: why it is kept, why it is not, or what it holds that the kept one lacks.
    """

    id: str
    path: str | None
    width: int
    height: int
    size_bytes: int
    similarity: float
    kind: DuplicateKind
    keep: bool
    could_go: bool
    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same picture: each was compared with the first, which is the one to keep.

    Attributes:
        kind: the loosest of its members' kinds.
        members: at least two: the one to keep, then by kind, then by what they hold.
    """

    kind: DuplicateKind
    members: tuple[DuplicateMember, ...]

    @property
    def keep(self) -> DuplicateMember:
        """The one to keep."""
        return self.members[0]

    @checks_arguments()
    def could_go(self, *, include_near: bool = False) -> list[DuplicateMember]:
        """The others of which nothing would be lost; near ones only where they are asked for."""
        return [
            member
            for member in self.members[1:]
            if member.could_go and (include_near or member.kind is not DuplicateKind.NEAR)
        ]


class Duplicates(list[DuplicateGroup]):
    """Groups, by the path of what is kept.

    Attributes:
        not_compared: how many pictures look like more others than they were compared with, so that copies of them may
            be missing: pages of one template, thousands of them.
    """

    def __init__(self, groups: Iterable[DuplicateGroup] = (), *, not_compared: int = 0) -> None:
        super().__init__(groups)
        self.not_compared = not_compared
