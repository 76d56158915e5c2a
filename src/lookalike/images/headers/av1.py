"""The size that an AV1 stream claims for itself, whatever the boxes around it say (AV1 specification, 5.3 and 5.5)."""

from __future__ import annotations

_SEQUENCE_HEADER = 1
_MOST_UNITS = 100


def sequence_size(stream: bytes) -> tuple[int, int] | None:
    """Width and height from the first sequence header; None where the bytes hold none.

    Args:
        stream: open bitstream units, at least the first few.
    """
    at = 0
    for _ in range(_MOST_UNITS):
        if at >= len(stream):
            return None
        first = stream[at]
        kind, extended, sized = first >> 3 & 15, first & 4, first & 2
        at += 2 if extended else 1
        size, at = _leb128(stream, at) if sized else (len(stream) - at, at)
        if kind == _SEQUENCE_HEADER:
            return _size_in_header(_Bits(stream[at : at + size]))
        at += size
    return None


def _leb128(stream: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(stream[at : at + 8]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    return value, at + 8


class _Bits:
    """Reads numbers of some bits, the highest first; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data[:256] + bytes(64), "big"), 8 * (min(len(data), 256) + 64)

    def take(self, count: int) -> int:
        self._left -= count
        return self._number >> max(self._left, 0) & (1 << count) - 1

    def skip_variable(self) -> None:
        """An unsigned number in Exp-Golomb code (`uvlc`)."""
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        self.take(zeros)


def _size_in_header(bits: _Bits) -> tuple[int, int]:
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits, delay_bits=_skip_timing(bits))
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_timing(bits: _Bits) -> int:
    """Returns how many bits a delay has; 0 where there is no decoder model."""
    if not bits.take(1):
        return 0
    bits.take(64)
    if bits.take(1):
        bits.skip_variable()
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(42)
    return delay_bits


def _skip_operating_points(bits: _Bits, *, delay_bits: int) -> None:
    display_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # levels from 4.0 have a tier
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delays and bits.take(1):
            bits.take(4)
