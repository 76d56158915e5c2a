"""The markers of a JPEG by which its parts are told apart (ITU-T T.81, annex B)."""

from __future__ import annotations

import re

START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
PROGRESSIVE_FRAMES = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""What ends coded data: neither a stuffed byte, nor one that only restarts the decoder, nor padding."""
