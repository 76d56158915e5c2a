"""What stands in a folder under nearly the same name."""

from __future__ import annotations

import os
from collections.abc import Callable


def entry_meant(path: str, *, fits: Callable[[str], bool] = os.path.isfile) -> str | None:
    """The path beside a path that is not there which is most like it; None where none is much like it.

    Args:
        path: of what is not there.
        fits: whether what stands under a path may be what was meant.
    """
    from difflib import get_close_matches  # slow to import, for an error alone

    folder, name = os.path.split(os.path.normpath(path))
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return None
    beside = {other.casefold(): os.path.join(folder, other) for other in names}
    alike = get_close_matches(name.casefold(), beside, n=3, cutoff=0.7)
    return next((beside[other] for other in alike if fits(beside[other])), None)
