"""What a picture tells of itself besides its pixels, from whichever of its notes knows it."""

from __future__ import annotations

from lookalike.images.dates import date_in_iptc, date_in_xmp, read_date
from lookalike.images.exif import ExifFacts, read_exif
from lookalike.images.headers.base import Header


def picture_facts(header: Header) -> ExifFacts:
    """EXIF's facts, with the best date that there is: `taken_at` is what the picture is said to have been taken at.

    In this order: EXIF's original or digitised date; XMP's original or creation; IPTC's creation; the creation time of
    a PNG; EXIF's date of change, which many scanners write alone; the day that EXIF has from satellites.
    """
    facts = read_exif(header.exif)
    taken_at = (
        facts.taken_at
        or date_in_xmp(header.xmp)
        or date_in_iptc(header.iptc)
        or read_date(header.written_at)
        or facts.changed_at
    )
    return facts._replace(taken_at=taken_at)
