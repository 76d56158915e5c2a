"""A collection with the toy's object store, run on a copy of the source that picks it."""

from __future__ import annotations

import lookalike


def main() -> None:
    with lookalike.open(":memory:") as photos:
        objects = photos._parts.objects
        assert repr(objects) == "PackedObjects()"
        assert objects.get(objects.put(b"a picture")) == b"a picture"


if __name__ == "__main__":
    main()
