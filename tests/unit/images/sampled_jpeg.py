"""JPEGs with any sampling factors: a small encoder of one grey or colour value for each block (ITU-T T.81)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

Factors = Sequence[tuple[int, int]]


def sampled_jpeg(
    width: int,
    height: int,
    factors: Factors,
    *,
    progressive: bool = False,
    together: bool = True,
    segments: bytes = b"",
) -> bytes:
    """A valid JPEG whose components are sampled as `factors` says: across and down, for each component.

    The first component slopes from dark at the left to bright at the right, the others hold one value. `together` in
    one scan, or each in a scan of its own; `segments` come before all others.
    """
    frame = struct.pack(">BHHB", 8, height, width, len(factors))
    frame += b"".join(bytes([c + 1, across << 4 | down, 0]) for c, (across, down) in enumerate(factors))
    every = range(len(factors))
    scans = [list(every)] if together else [[c] for c in every]
    return b"".join((
        b"\xff\xd8",
        segments,
        _segment(0xDB, bytes([0]) + bytes([8] * 64)),
        _segment(0xC2 if progressive else 0xC1, frame),
        _segment(0xC4, bytes([0x00, 0, 0, 0, 12, *([0] * 12), *range(12)])),  # differences: twelve codes of four bits
        b"" if progressive else _segment(0xC4, bytes([0x10, 1, *([0] * 15), 0])),  # details: none, in one bit
        *(_scan(scan, width, height, factors, progressive=progressive) for scan in scans),
        b"\xff\xd9",
    ))  # fmt: skip


def _scan(scan: list[int], width: int, height: int, factors: Factors, *, progressive: bool) -> bytes:
    header = bytes([len(scan), *(value for c in scan for value in (c + 1, 0))])
    header += b"\x00\x00\x00" if progressive else b"\x00\x3f\x00"
    text = "".join(
        _difference(difference) + ("" if progressive else "0")
        for difference in _differences(scan, width, height, factors)
    )
    text += "1" * (-len(text) % 8)
    coded = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
    return _segment(0xDA, header) + coded


def _differences(scan: list[int], width: int, height: int, factors: Factors) -> Iterator[int]:
    """Of each block's value from the one before of its component, in the order in which a decoder meets them."""
    most_across, most_down = (max(factor[i] for factor in factors) for i in (0, 1))
    columns, rows = -(-width // (8 * most_across)), -(-height // (8 * most_down))
    before = dict.fromkeys(scan, 0)
    alone = len(scan) == 1  # then there is one block at a time, row by row, and none beyond the edge
    if alone:
        across, down = factors[scan[0]]
        columns = _blocks(width * across, per=most_across)
        rows = _blocks(height * down, per=most_down)
    for _ in range(rows):
        for column in range(columns):
            for c in scan:
                across, down = (1, 1) if alone else factors[c]
                for block in range(across * down):
                    value = _level(c, (column * across + block % across) / (columns * across))
                    yield value - before[c]
                    before[c] = value


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _blocks(samples: int, *, per: int) -> int:
    """How many blocks of 8 hold `samples / per` samples."""
    return -(-samples // (8 * per))


def _level(component: int, position: float) -> int:
    """The distance of a block's value from the middle: from -100 to 100 in the first component."""
    return round(position * 200 - 100) if component == 0 else (0, 20, -20, 30)[component]


def _difference(value: int) -> str:
    size = abs(value).bit_length()
    bits = value if value >= 0 else value + (1 << size) - 1
    return f"{size:04b}" + (f"{bits:0{size}b}" if size else "")
