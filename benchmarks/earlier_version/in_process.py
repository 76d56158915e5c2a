"""Times what a process does that has a collection open, in milliseconds: `in_process.py COLLECTION PHOTO...`.

Uses only what every version has.
"""

from __future__ import annotations

import json
import sys
import time

import lookalike

ASKED = 300
ADDED = 60
HITS = 10


def main() -> None:
    folder, *photos = sys.argv[1:]
    with lookalike.open(folder) as collection:
        pictures = [hit.id for hit in collection.search(photos[0], k=ASKED).hits]
        vectors = [collection.embed(photo) for photo in photos]
        took: dict[str, list[float]] = {
            "search by a vector": [_ms(lambda one=one: collection.search(one, k=HITS)) for one in vectors * 4],
            "search by an id": [_ms(lambda one=one: collection.search(one, k=HITS)) for one in pictures],
            "search by a photo": [_ms(lambda one=one: collection.search(one, k=HITS)) for one in photos],
            "filtered search by a vector": [
                _ms(lambda one=one: collection.search(one, k=HITS, where="width > 250")) for one in vectors
            ],
            "adding a picture": [],
        }
        for n in range(ADDED):
            with open(photos[n % len(photos)], "rb") as file:
                data = file.read() + b"again" + n.to_bytes(4, "big")  # another picture by its bytes
            took["adding a picture"].append(_ms(lambda data=data: collection.add(data)))
    print(json.dumps({name: sorted(ms)[len(ms) // 2] for name, ms in took.items()}))


def _ms(work) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
