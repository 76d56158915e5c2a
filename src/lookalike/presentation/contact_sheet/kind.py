"""What a contact sheet is as a file, and the mark by which a later one may take its place."""

from __future__ import annotations

from lookalike.storage.output_file import OutputKind

JPEG_COMMENT = b"Lookalike contact sheet"
HTML_GENERATOR = '<meta name="generator" content="Lookalike contact sheet">'
"""Both stand at the beginning of their files."""

CONTACT_SHEET = OutputKind(
    "a contact sheet", (".jpg", ".jpeg", ".html", ".htm"), (b"\xff\xfe\x00\x19" + JPEG_COMMENT, HTML_GENERATOR.encode())
)
"""The JPEG's mark with the head of its segment: a comment of just that text."""
