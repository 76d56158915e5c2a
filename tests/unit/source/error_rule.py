"""What a message of an error has to say: what was expected, what came, what to do.

- Expected: a word that demands ("expected", "at most", "needs"), a list of what is known, or what was to be done or
  found and was not ("cannot be read", "there is no").
- Came: what only a run knows, or words of its own, apart from what was expected.
- To do: a clause that begins with a verb of what a person does, or a command in backquotes. A verb that only asks for
  the right thing ("give", "use", "name") counts where its clause says something that the rest has not said already:
  the expectation said once more tells nobody what to do.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Part(StrEnum):
    """A part that a message lacks."""

    EXPECTED = "what was expected"
    CAME = "what came"
    TO_DO = "what to do"


def lacks(message: str) -> set[Part]:
    """The parts that a message lacks; values that only a run knows stand in it as `«count»`."""
    told, remedy = _divided(message)
    expected = _expected(told)
    missing = set()
    if expected is None:
        missing.add(Part.EXPECTED)
    if not _came(told, expected):
        missing.add(Part.CAME)
    if remedy is None:
        missing.add(Part.TO_DO)
    return missing


_ACTIONS = """
    " adjust away back begin bind build check close compare configure connect convert copy correct count crop
    cut decode delete divide download drop embed encode end export extend fetch fill find finish fix flatten free go
    have import index insert install join keep leave let list listen look lower make measure mend merge mount
    move narrow normalise number open pass point quote raise read rebuild reconnect reduce remove rename repair
    repeat replace report resend resize restart restore retry revoke rotate round run sample save scale search
    see shorten show sign sort split start stop store subtract take train transpose try turn type unlock unplug
    upgrade upload verify wait widen wrap write zip
"""
"""Verbs of what a person does."""


_ASKING = "add ask choose do enter give hand name pass pick provide put say select send set state use write"
"""Verbs that ask for the right thing, whatever it is."""

ACTIONS, ASKING = set(_ACTIONS.split()), set(_ASKING.split())

_DEMANDS = re.compile(
    r"\b(?:[Ee]xpected|must|ha(?:s|ve) to|needs?|requires?|only|at most|at least|more than|the most that may|"
    r"longer than|larger than|"
    r"known are|accepted are|knows up to|announced|is to be|takes?|bound to|of its own|for reading only|may not|should|"
    r"[Ee]ach (?:key|\w+) once|one of)\b"
)
_UNDONE = re.compile(
    r"\b(?:cannot|could not|did not|does not|do not|may not|is not|are not|was not|were not|not accepted|failed|"
    r"no longer)\b"
)
_ABSENT = re.compile(
    r"\b(?:[Tt]here (?:is|are|was|were) no(?:ne)?|[Nn]o \w+|nothing|neither|"
    r"(?:is|are) not (?:there|here)|(?:is|are) missing)\b"
)
_TURNS = re.compile(r",? (?:got|but|and that is|while|found|came|against)\b|; |: |, |\(|\.(?= |$)")
_BREAK = re.compile(r"(?:; |: |\. |\? |, (?=or )|, (?=then )|, (?=and ))")
_LEADS = re.compile(
    r"(?:(?:to|on|if|for|once|where|unless|while|until|in) [^,;:]*, |"
    r"(?:otherwise|then|or|and|please|first|both|simply|later),? )*"
)
_COMMAND = re.compile(r"`[^`]+`")
_FITTING = re.compile(
    r"\b[Dd]id you mean\b|\bpip install\b|\b(?:whoever (?:runs|keeps) the service) (?:can|has to|must)\b"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{2,}")
_VALUE = re.compile(r"«[^»]*»")
_IDLE_WORDS = """
    the and for with that this from was were are has have had but not all any its than then too one two once again
    another other such either both only which what who where here there least most more
"""
_IDLE = set(_IDLE_WORDS.split())


def _divided(message: str) -> tuple[str, str | None]:
    """What happened, and from the first clause that says what to do on; None where none does."""
    starts = [0, *(found.end() for found in _BREAK.finditer(_masked(message)))]
    for start in starts:
        clause = message[start:]
        if start and _is_remedy(clause, message[:start]):
            return message[:start], clause
    named = _FITTING.search(message)
    if named:
        return message[: named.start()], message[named.start() :]
    return message, None


def _is_remedy(clause: str, told: str) -> bool:
    if _COMMAND.match(clause) or _FITTING.match(clause):
        return True
    lead = _LEADS.match(_masked(clause))
    assert lead is not None
    rest = clause[lead.end() :]
    verb = re.match(r"[A-Za-z]+", rest)
    if verb is None:
        return False
    word = verb.group().lower()
    if word in ASKING:
        return bool(_stems(rest) - _stems(told) - {_stem(word)}) or _names_more(rest, told)
    return word in ACTIONS and len(rest.split()) > 1


def _names_more(clause: str, told: str) -> bool:
    """Whether it names an option, a command, a value or an example that was not said before."""
    marks = re.findall(r"`[^`]+`|--\w[\w-]*|«[^»]*»|\b[A-Z_]{6,}\b|\w+\.\w+|\w+\(", clause)
    return any(mark not in told for mark in marks)


def _expected(told: str) -> tuple[int, int] | None:
    """Where it says what was expected, up to where it turns to something else."""
    for words in (_DEMANDS, _UNDONE, _ABSENT):
        found = words.search(_masked(told))
        if found:
            turn = _TURNS.search(_masked(told), found.end() + 1)
            return found.start(), turn.start() if turn else len(told)
    return None


def _came(told: str, expected: tuple[int, int] | None) -> bool:
    """Whether something is said besides what was expected."""
    if expected is None:
        return bool(_VALUE.search(told)) or len(_stems(told)) > 2
    start, end = expected
    inside, rest = told[start:end], f"{told[:start]} {told[end:]}"
    if _ABSENT.search(told) or (_UNDONE.search(told) and not _DEMANDS.search(told)):
        return bool(_stems(told)) or bool(_VALUE.search(told))
    return bool(_VALUE.search(rest)) or len(_stems(rest) - _stems(inside)) > (
        0 if re.search(r"\b(?:got|but|came)\b", rest) else 1
    )


def _masked(text: str) -> str:
    """The text with what a run puts in, and what is quoted, blotted out, letter for letter."""
    blotted = _VALUE.sub(lambda one: "«" + "_" * (len(one.group()) - 2) + "»", text)
    return _COMMAND.sub(lambda one: "`" + "_" * (len(one.group()) - 2) + "`", blotted)


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(_VALUE.sub(" ", text)) if word.lower() not in _IDLE}


def _stem(word: str) -> str:
    """The beginning of a word, so that `path` and `paths` are one."""
    return word.lower()[:5].rstrip("s")
