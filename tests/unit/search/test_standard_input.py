"""Standard input may be anything: a picture, a terminal, nothing at all."""

from __future__ import annotations

import io
import sys

import pytest

from lookalike.core.errors import BadQuery
from lookalike.search.standard_input import read_standard_input


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def given(monkeypatch: pytest.MonkeyPatch, source: io.BytesIO | None) -> None:
    monkeypatch.setattr(sys, "stdin", None if source is None else io.TextIOWrapper(source))


def test_all_of_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, io.BytesIO(b"\xff\x00picture"))

    assert read_standard_input(max_bytes=9) == b"\xff\x00picture"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "there is none"),
        (Terminal(), "a terminal"),
        (io.BytesIO(), "got nothing"),
        (io.BytesIO(bytes(10)), "at most 9 bytes"),
        (Broken(), "Input/output error"),
    ],
)
def test_what_is_no_picture_says_so(monkeypatch: pytest.MonkeyPatch, source: io.BytesIO | None, reason: str) -> None:
    given(monkeypatch, source)

    with pytest.raises(BadQuery, match=reason):
        read_standard_input(max_bytes=9)


def test_a_standard_input_that_is_only_text_or_closed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    with pytest.raises(BadQuery, match="there is none"):
        read_standard_input(max_bytes=9)
    source = io.BytesIO(b"x")
    given(monkeypatch, source)
    source.close()
    with pytest.raises(BadQuery, match="there is none"):
        read_standard_input(max_bytes=9)
