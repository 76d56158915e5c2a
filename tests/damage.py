"""What happens to files: for tests and benchmarks that must notice it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from lookalike.core.errors import LookalikeError

PAGE_BYTES = 4096


def damaged(
    content: bytes, *, rng: random.Random, others: Mapping[str, bytes] = MappingProxyType({})
) -> Iterator[tuple[str, bytes | None]]:
    """Damages of a file, without end: take as many as are wanted.

    First the file is missing, then empty, then exchanged for each of `others`; after that come, in turn and at random
    places, a flipped bit, an end cut off, a page of zeros, a stretch of noise, two pages exchanged, a piece left out,
    and bytes appended. None of them is the content itself.

    Args:
        content: of the whole file.
        rng: says where; the same seed gives the same damages.
        others: contents that may stand in its place, by a name for each: another file, an older version.
    Yields:
        what was done, and the content after it; None where the file is missing.
    """
    yield "missing", None
    for name, other in {"empty": b"", **others}.items():
        if other != content:
            yield name, other
    while True:
        for hurt in (_flipped, _cut, _zeroed, _noised, _exchanged, _shortened, _appended):
            name, result = hurt(content, rng)
            if result != content:
                yield name, result


def refusals(path: Path, use: Callable[[], None], *, rounds: int) -> int:
    """How often a file that was damaged in so many ways is refused by an error of ours; any other is raised.

    Args:
        path: of the file; it is damaged then.
        use: opens it and does with it whatever can be done.
        rounds: how many damages.
    """
    refused = 0
    for _, hurt in islice(damaged(path.read_bytes(), rng=random.Random(7)), rounds):
        path.unlink(missing_ok=True)
        if hurt is not None:
            path.write_bytes(hurt)
        try:
            use()
        except LookalikeError:
            refused += 1
    return refused


def _flipped(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    if not content:
        return "", content
    at, bit = rng.randrange(len(content)), rng.randrange(8)
    return f"bit {bit} of byte {at} flipped", content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    end = rng.randrange(len(content) + 1)
    return f"cut off at {end}", content[:end]


def _zeroed(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    start = _page(content, rng)
    page = content[start : start + PAGE_BYTES]
    return f"page at {start} zeroed", content[:start] + bytes(len(page)) + content[start + len(page) :]


def _noised(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    start = rng.randrange(len(content) + 1)
    noise = rng.randbytes(min(rng.randrange(1, 512), len(content) - start))
    return f"{len(noise)} bytes of noise at {start}", content[:start] + noise + content[start + len(noise) :]


def _exchanged(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    first, second = sorted((_page(content, rng), _page(content, rng)))
    one, other = content[first : first + PAGE_BYTES], content[second : second + PAGE_BYTES]
    between = content[first + PAGE_BYTES : second]
    if first == second:
        return "", content
    result = content[:first] + other + between + one + content[second + PAGE_BYTES :]
    return f"pages at {first} and {second} exchanged", result


def _shortened(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    start, length = rng.randrange(len(content) + 1), rng.randrange(1, 64)
    return f"{length} bytes left out at {start}", content[:start] + content[start + length :]


def _appended(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    more = rng.choice([b"\0", b"\n", b" ", rng.randbytes(100), bytes(PAGE_BYTES)])
    return f"{len(more)} bytes appended", content + more


def _page(content: bytes, rng: random.Random) -> int:
    return rng.randrange(len(content) // PAGE_BYTES + 1) * PAGE_BYTES
