"""Where a database is: its URL, and how it is shown without its secrets."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lookalike.core.errors import BadInput

SCHEMES = ("postgresql", "postgres")


def check_url(url: str) -> str:
    """The URL, where it is one of a PostgreSQL database.

    Raises:
        BadInput: when it is not.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in SCHEMES and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadInput(
            "expected the URL of a PostgreSQL database such as postgresql://user:secret@host:5432/name, got one of "
            f"another form ({url.partition(':')[0][:20]!r}...): write it like that, with % for special characters"
        )
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise BadInput(
            f"{shown_url(url)}: expected a URL that PostgreSQL's library reads, got another; correct it, with % for "
            "special characters"
        ) from None  # for it tells what it does not read, which may be the password
    return url


def shown_url(url: str) -> str:
    """For messages and logs: whose, where and which database; no password, no options."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{user}{parts.hostname or ''}{port}{parts.path}"
