"""Where the built page lies: in the installation, or in the checkout that this was installed from."""

from __future__ import annotations

from pathlib import Path

from lookalike.core.installing import checkout

PAGE = Path(__file__).parents[1] / "service" / "page"
"""Where `make web` puts it, and where a wheel has it that was made afterwards."""


def page_folder() -> Path | None:
    """The folder of the page, or None where it is not built.

    An installation that was made before `make web` has none of its own; that of its checkout is then taken.
    """
    source = checkout()
    places = [PAGE] if source is None else [PAGE, source / "src" / "lookalike" / "service" / "page"]
    return next((place for place in places if (place / "index.html").is_file()), None)


def how_to_build() -> str:
    """What to do where there is no page, in one line."""
    if checkout() is not None:
        return f"run `make web` in {checkout()} (it needs Node.js 20 or later), and start again"
    return "install from a checkout after `make web`, which needs Node.js 20 or later"
