"""Names of files, as others say them."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # Persian words and family emoji are written with these
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (bidi), surrogate, line and paragraph separator


def is_hidden(letter: str) -> bool:
    """Whether nobody sees a letter, or it changes how the others are shown. Spaces are seen, and so are joiners."""
    return letter not in _JOINERS and unicodedata.category(letter) in _HIDDEN_CATEGORIES


def clean_name(said: str) -> str:
    """The name of a file as a client said it, fit to be kept: without folders and letters that are hidden."""
    last = said.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if not is_hidden(letter)).strip()
