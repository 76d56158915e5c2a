"""Search by image: a folder of pictures becomes searchable in one command.

import lookalike

with lookalike.open("photos.lookalike") as photos:
photos.index("~/Pictures")
for hit in photos.search("cat.jpg", k=12):
print(hit.rank, round(hit.similarity, 3), hit.path)
"""

from lookalike.assembly import open_collection as open
from lookalike.collection import Collection
from lookalike.core.errors import LookalikeError
from lookalike.core.filters import Filter
from lookalike.pipelines.reply import Hit
from lookalike.results import SearchResult

__version__ = "0.1.0"
__all__ = ["Collection", "Filter", "Hit", "LookalikeError", "SearchResult", "__version__", "open"]
