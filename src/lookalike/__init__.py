"""Search by image: a folder of pictures becomes searchable in one command.

import lookalike

with lookalike.open("photos.lookalike") as photos:
    photos.index("~/Pictures")
    for hit in photos.search("cat.jpg", k=12):
        print(hit.rank, round(hit.similarity, 3), hit.path)

What is named here is imported when it is first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.assembly import open_collection as open  # noqa: A004  # meant to be read as lookalike.open
    from lookalike.collection import Collection
    from lookalike.core.errors import LookalikeError
    from lookalike.core.filters import Filter
    from lookalike.pipelines.knn import knn
    from lookalike.pipelines.reply import Hit
    from lookalike.results import SearchResult

__version__ = "0.1.0"
__all__ = ["Collection", "Filter", "Hit", "LookalikeError", "SearchResult", "__version__", "knn", "open"]

_HOMES = {
    "Collection": ("lookalike.collection", "Collection"),
    "Filter": ("lookalike.core.filters", "Filter"),
    "Hit": ("lookalike.pipelines.reply", "Hit"),
    "LookalikeError": ("lookalike.core.errors", "LookalikeError"),
    "SearchResult": ("lookalike.results", "SearchResult"),
    "knn": ("lookalike.pipelines.knn", "knn"),
    "open": ("lookalike.assembly", "open_collection"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
