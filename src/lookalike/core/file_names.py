"""Names of files, as others say them."""

from __future__ import annotations


def kept_name(said: str) -> str:
    """The name of a file as a client said it, fit to be kept: without folders and letters that cannot be seen."""
    last = said.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()
