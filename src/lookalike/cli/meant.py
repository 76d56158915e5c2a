"""What may have been meant by the name of a file that is not there, or by that of a folder."""

from __future__ import annotations

import os

from lookalike.core.errors import BadQuery
from lookalike.core.meant import entry_meant


def check_query_file(query: str) -> None:
    """Refuse the name of a folder, and one that is nearly that of a file.

    Raises:
        BadQuery: which says what to do.
    """
    path = os.path.expanduser(query)
    if query and os.path.isdir(path):
        raise BadQuery(
            f"expected a picture to search for, but {query!r} is a folder: name one of its files; "
            "`lookalike index FOLDER` takes all of them in"
        )
    looks_like_a_file = "." in os.path.basename(path) and "://" not in query and not any(sign in query for sign in "*+")
    if looks_like_a_file and not os.path.exists(path) and (meant := entry_meant(path)) is not None:
        raise BadQuery(f"{query!r} is no file that exists. Did you mean {meant}?")
