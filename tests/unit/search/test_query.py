"""Queries are read as people mean them, and hostile ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import BadQuery
from lookalike.search.query import MOST_TERMS, SourceKind, Term, combine, parse_query

FILE, ID, URL, STANDARD_INPUT = SourceKind.FILE, SourceKind.ID, SourceKind.URL, SourceKind.STANDARD_INPUT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a.jpg", [Term(FILE, "a.jpg")]),
        ("  a.jpg ", [Term(FILE, "a.jpg")]),
        ("a.jpg + b.jpg", [Term(FILE, "a.jpg"), Term(FILE, "b.jpg")]),
        ("a.jpg\t-\nb.jpg", [Term(FILE, "a.jpg"), Term(FILE, "b.jpg", -1.0)]),
        (
            "2*a.jpg + .5 * b.jpg - 1.25*c.jpg",
            [Term(FILE, "a.jpg", 2.0), Term(FILE, "b.jpg", 0.5), Term(FILE, "c.jpg", -1.25)],
        ),
        ("3.*a.jpg", [Term(FILE, "a.jpg", 3.0)]),
        ("-", [Term(STANDARD_INPUT, "-")]),
        ("2*- - a.jpg", [Term(STANDARD_INPUT, "-", 2.0), Term(FILE, "a.jpg", -1.0)]),
        ("a.jpg - -", [Term(FILE, "a.jpg"), Term(STANDARD_INPUT, "-", -1.0)]),
        ("- - - - a.jpg", [Term(STANDARD_INPUT, "-"), Term(STANDARD_INPUT, "-", -1.0), Term(FILE, "a.jpg", -1.0)]),
        ("0123abcd", [Term(ID, "0123abcd")]),
        ("f" * 64 + " + 2*" + "e" * 9, [Term(ID, "f" * 64), Term(ID, "e" * 9, 2.0)]),
        ("https://host/a-b+c.jpg", [Term(URL, "https://host/a-b+c.jpg")]),
        ("HTTP://host/x - a.jpg", [Term(URL, "HTTP://host/x"), Term(FILE, "a.jpg", -1.0)]),
        (".", [Term(FILE, ".")]),
    ],
)
def test_a_query_is_read(text: str, terms: list[Term]) -> None:
    assert parse_query(text) == terms


@pytest.mark.parametrize(
    ("names", "text", "terms"),
    [
        (["a + b.jpg"], "a + b.jpg", [Term(FILE, "a + b.jpg")]),
        (["x - y.jpg"], "x - y.jpg + a.jpg", [Term(FILE, "x - y.jpg"), Term(FILE, "a.jpg")]),
        (["x - y.jpg"], "a.jpg - 2*x - y.jpg", [Term(FILE, "a.jpg"), Term(FILE, "x - y.jpg", -2.0)]),
        (["x  -  y.jpg"], "x  -  y.jpg - a.jpg", [Term(FILE, "x  -  y.jpg"), Term(FILE, "a.jpg", -1.0)]),
        (["a.jpg + b.jpg"], "a.jpg + b.jpg", [Term(FILE, "a.jpg + b.jpg")]),
        (["2*a.jpg"], "2*a.jpg", [Term(FILE, "2*a.jpg")]),
        (["2*a.jpg"], "3*2*a.jpg + b.jpg", [Term(FILE, "2*a.jpg", 3.0), Term(FILE, "b.jpg")]),
        (["deadbeef"], "deadbeef", [Term(FILE, "deadbeef")]),
        ([" spaced "], " spaced ", [Term(FILE, " spaced ")]),
        (["two\nlines.jpg"], "two\nlines.jpg - a.jpg", [Term(FILE, "two\nlines.jpg"), Term(FILE, "a.jpg", -1.0)]),
        (["-a.jpg"], "-a.jpg", [Term(FILE, "-a.jpg")]),
        (["\udcff.jpg"], "\udcff.jpg", [Term(FILE, "\udcff.jpg")]),
    ],
)
def test_the_name_of_a_file_that_exists_is_that_file(
    folder: Path, names: list[str], text: str, terms: list[Term]
) -> None:
    for name in names:
        (folder / name).touch()

    assert parse_query(text) == terms


def test_the_home_folder_is_found_also_in_names_with_signs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "x - y.jpg").touch()

    assert parse_query("~/x - y.jpg") == [Term(FILE, str(folder / "x - y.jpg"))]
    assert parse_query("2*~/a.jpg - ~/x - y.jpg") == [
        Term(FILE, str(folder / "a.jpg"), 2.0),
        Term(FILE, str(folder / "x - y.jpg"), -1.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "nothing.jpg",
        "a.jpg + nothing.jpg",
        "a.jpg +",
        "a.jpg -",
        "+ a.jpg",
        "+",
        "a.jpg + + b.jpg",
        "a.jpg+b.jpg",
        "abcdefg",
        "0123abc",
        "0123ABCD",
        "f" * 65,
        "ftp://host/a.jpg",
        "data:image/png;base64,AAAA",
        "2*",
        "*a.jpg",
        "-2*a.jpg",
        "1e3*a.jpg",
        "9" * 400 + "*a.jpg",
        "nan*a.jpg",
        "zero\0byte",
        "\ud800",
        "x" * 100_000,
    ],
)
def test_a_query_that_means_nothing_is_refused_in_a_short_line(text: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parse_query(text)

    assert len(str(refused.value)) < 400


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [" " * 50_000 + "x", "1" * 50_000, "1" * 50_000 + " *", "a.jpg + " * 5_000 + "a.jpg", "- " * 20_000, "+ " * 9_999],
)
def test_a_hostile_query_is_refused_in_time_that_does_not_grow_with_the_square(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_query(text)


def test_many_terms_are_a_query_and_more_are_not() -> None:
    assert len(parse_query(" + ".join(["a.jpg"] * MOST_TERMS))) == MOST_TERMS
    with pytest.raises(BadQuery, match="at most 64"):
        parse_query(" + ".join(["a.jpg"] * (MOST_TERMS + 1)))


def test_a_combination_is_the_sum_scaled_to_length_1() -> None:
    vectors = np.eye(3, dtype=np.float32)

    combined = combine(vectors, [3.0, -4.0, 0.0])

    assert combined.dtype == np.float32
    np.testing.assert_allclose(combined, [[0.6, -0.8, 0.0]], atol=1e-7)
    np.testing.assert_allclose(combine(vectors, [3e300, -4e300, 0]), combined, atol=1e-7)
    np.testing.assert_allclose(combine(vectors, [3e-300, -4e-300, 0]), combined, atol=1e-7)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [2.5, -2.5000001]])
def test_terms_that_cancel_each_other_out_are_refused(weights: list[float]) -> None:
    with pytest.raises(BadQuery, match="cancel"):
        combine(np.array([[0.6, 0.8], [0.6, 0.8]], np.float32), weights)
