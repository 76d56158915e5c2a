"""Patterns of names to pass over, understood as people know them from `.gitignore`.

    *.gif  thumbs          a name, wherever it lies; of a folder, with all that is in it
    thumbs/                a folder, wherever it lies
    2023/raw  thumbs/*     a path below one of the folders that are indexed, or below the current folder
    **/raw/**  a/**/b      `**` is any number of folders
    /photos/raw  ~/raw     an absolute path

`*` and `?` end at a slash, except in a pattern over a whole absolute path, as `*/raw/*`, where they never did.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from unicodedata import normalize

from lookalike.core.errors import BadInput


class Exclusion:
    """Tells what is excluded, and remembers which patterns have never matched.

    Args:
        patterns: as above.
        tops: absolute paths of the folders that are walked.
    Raises:
        BadInput: for an empty pattern.
    """

    def __init__(self, patterns: Sequence[str], tops: Sequence[str]) -> None:
        self._patterns = [_Pattern(pattern, tops) for pattern in patterns]
        self._matched: set[str] = set()

    def excludes(self, path: str, *, is_folder: bool) -> bool:
        """Whether a file or folder is to be passed over."""
        matching = [one.text for one in self._patterns if one.matches(path, is_folder=is_folder)]
        self._matched.update(matching)
        return bool(matching)

    @property
    def unmatched(self) -> list[str]:
        """Patterns that have not matched anything, in their order."""
        return [one.text for one in self._patterns if one.text not in self._matched]


class _Pattern:
    def __init__(self, text: str, tops: Sequence[str]) -> None:
        self.text = text
        self._only_folders = text.endswith("/")
        wanted = normalize("NFC", os.path.expanduser(text) if text.startswith("~") else text)
        wanted = re.sub(r"/(?:\./)+", "/", re.sub(r"/{2,}", "/", wanted)).removeprefix("./").rstrip("/")
        if not wanted:
            raise BadInput(
                f"expected a pattern such as '*.gif' or 'thumbs/', got {text!r}; leave the option away to "
                "exclude nothing"
            )
        self._over_all = wanted if "**" not in wanted else None
        self._name = re.compile(_regex(wanted)) if "/" not in wanted else None
        inner = wanted.removeprefix("/")
        bases = [*tops, *([] if wanted.startswith("/") else [os.getcwd()])]
        places = [os.path.normpath(os.path.join(base, inner)) for base in map(_nfc, bases)]
        escaped = [re.escape(base.rstrip("/")) + "/" + _regex(inner) for base in map(_nfc, bases)]
        absolute = [_regex(wanted)] if wanted.startswith("/") else []
        self._paths = [re.compile(one) for one in (*absolute, *escaped)] if self._name is None else []
        # a relative path that climbs, such as `../photos/thumbs`, is one place and no pattern
        self._places = frozenset(places) if ".." in inner.split("/") else frozenset()

    def matches(self, path: str, *, is_folder: bool) -> bool:
        if self._only_folders and not is_folder:
            return False
        path = normalize("NFC", path)
        if self._name is not None:
            return self._name.fullmatch(path.rpartition("/")[2]) is not None
        if self._over_all is not None and fnmatchcase(path, self._over_all):
            return True
        return path in self._places or any(one.fullmatch(path) for one in self._paths)


def _nfc(text: str) -> str:
    return normalize("NFC", text)


def _regex(pattern: str) -> str:
    """A pattern with `**`, `*`, `?` and `[...]` as a regular expression."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            parts.append(re.escape(pattern[at]))
            at += 1
            continue
        at = token.end()
        parts.append(_MEANINGS.get(token[0]) or _characters(token[0]))
    return "(?s:" + "".join(parts) + ")"


_TOKEN = re.compile(r"\*\*/|/\*\*(?=$)|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]")
_MEANINGS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _characters(text: str) -> str:
    inside = text[1:-1].replace("\\", "\\\\")
    if inside[0] in "!^":
        inside = "^/" + inside[1:]
    return f"[{inside}]"
