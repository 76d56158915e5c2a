"""A collection with the toy's catalog, run on a copy of the source that picks it."""

from __future__ import annotations

import lookalike
from tests.collections import png


def main() -> None:
    with lookalike.open(":memory:") as photos:
        assert type(photos._parts.catalog).__name__ == "ShelfCatalog"
        image_id = photos.add(png(1))
        assert photos.search(png(1), k=1)[0].id == image_id


if __name__ == "__main__":
    main()
