"""The end of a JPEG that was cut off: whether its last marker is all that it lacks (ITU-T T.81, annex B)."""

from __future__ import annotations

from lookalike.images.jpeg_markers import END_OF_IMAGE, FRAMES, MARKER, PROGRESSIVE_FRAMES, START_OF_SCAN

_END = bytes((0xFF, END_OF_IMAGE))


def with_its_end(data: bytes) -> bytes | None:
    """The file with the marker that should end it.

    Whether the last scan is whole, only its decoder can tell.

    Returns:
        None where the marker is there, or a scan is not: of a component, or of bits of a progressive picture.
    """
    lacking: dict[int, set[int]] = {}  # by component, the coefficients that have not come in full
    in_passes = False
    at = 2
    while (found := MARKER.search(data, at)) is not None:
        marker, at = data[found.start() + 1], found.end()
        if marker == END_OF_IMAGE:
            return None
        length = max(2, int.from_bytes(data[at : at + 2], "big"))
        segment = data[at + 2 : at + length]
        if marker in FRAMES and not lacking:
            in_passes = marker in PROGRESSIVE_FRAMES
            lacking = {component: set(range(64)) for component in segment[6::3]}
        elif marker == START_OF_SCAN and len(segment) > 3:
            for component in segment[1:-3:2]:
                came = range(segment[-3], segment[-2] + 1) if segment[-1] & 15 == 0 else ()
                lacking.get(component, set()).difference_update(came if in_passes else range(64))
        at += length
    is_whole = bool(lacking) and not any(lacking.values())
    return data + _END if is_whole else None
