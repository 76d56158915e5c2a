"""A name that a client said is kept as people see it."""

from __future__ import annotations

import pytest

from lookalike.core.file_names import clean_name


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Screenshot 2024-05-01 at 9.41.00\u202fAM.png", "Screenshot 2024-05-01 at 9.41.00\u202fAM.png"),
        ("a\u00a0b\u3000c.jpg", "a\u00a0b\u3000c.jpg"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467.jpg", "\U0001f468\u200d\U0001f469\u200d\U0001f467.jpg"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.jpg",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.jpg",
        ),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("../../etc/\u202egpj.exe\x00\r\n", "gpj.exe"),
        ("a\ud800\u2028\ufeffb.jpg", "ab.jpg"),
        ("photos/ ", ""),
    ],
)
def test_a_name_keeps_what_people_see_of_it_and_loses_folders_and_what_is_hidden(said: str, kept: str) -> None:
    assert clean_name(said) == kept
