"""Damaged pictures, the same ones for the same seed: for fuzzing the decoders."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_HEADER_BYTES = 64


def mutants(seeds: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damage pictures in many ways, one after another.

    Args:
        seeds: valid pictures, best of every format and kind.
        count: how many mutants.
        seed: of the random numbers; equal seeds give equal mutants.
    """
    chance = random.Random(seed)
    for i in range(count):
        mutate = _KINDS[i % len(_KINDS)]
        yield mutate(chance.choice(seeds), chance.choice(seeds), chance)


def _flipped_bits(data: bytes, _: bytes, chance: random.Random) -> bytes:
    mutant = bytearray(data)
    for _flip in range(chance.choice((1, 2, 8, 64))):
        mutant[chance.randrange(len(mutant))] ^= 1 << chance.randrange(8)
    return bytes(mutant)


def _damaged_header(data: bytes, _: bytes, chance: random.Random) -> bytes:
    mutant = bytearray(data)
    for _byte in range(chance.choice((1, 2, 4))):
        mutant[chance.randrange(min(_HEADER_BYTES, len(mutant)))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(mutant)


def _truncated(data: bytes, _: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _spliced(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def _with_a_hole(data: bytes, _: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 64) :]


def _with_zeros(data: bytes, _: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(data)), chance.randint(1, 64)
    return (data[:start] + bytes(length) + data[start + length :])[: len(data)]


def _repeated(data: bytes, _: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 256)]
    return data[:start] + piece * chance.randint(2, 8) + data[start:]


def _with_rubbish(data: bytes, _: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randint(1, 512))


_KINDS: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    _flipped_bits,
    _damaged_header,
    _truncated,
    _spliced,
    _with_a_hole,
    _with_zeros,
    _repeated,
    _with_rubbish,
)
