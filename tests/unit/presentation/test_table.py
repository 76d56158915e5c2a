"""Tables for people: aligned, whole, and readable on a terminal of 30 columns."""

from __future__ import annotations

import pytest

from lookalike.presentation.table import HitLine, facts_text, hits_table, similarity_bar


def test_a_similarity_bar_has_always_the_same_width() -> None:
    assert similarity_bar(1.2) == "█" * 10
    assert similarity_bar(-0.5) == " " * 10
    assert {len(similarity_bar(i / 100)) for i in range(101)} == {10}


LINES = [HitLine(1, 0.98765, "a/cat.jpg", ("640 x 480",)), HitLine(12, -0.1, "b/[bold]do\ng[/bold].jpg")]


def test_a_plain_table_is_aligned_text_and_nothing_else() -> None:
    assert hits_table(LINES, terminal=False) == (
        "rank  similarity  picture\n"
        "   1       0.988  a/cat.jpg  640 x 480\n"
        "  12      -0.100  b/[bold]do\\ng[/bold].jpg\n"
    )  # fmt: skip


def test_no_hits_give_no_table() -> None:
    assert hits_table([], terminal=False) == hits_table([], terminal=True) == ""


def test_a_table_on_a_terminal_shows_names_as_they_are_not_as_markup() -> None:
    table = hits_table(LINES, terminal=True, color=False, width=70)
    assert "[bold]do\\ng[/bold].jpg" in table
    assert "0.988 █████████▉" in table
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) <= 70


def test_colours_and_links_appear_only_where_wanted() -> None:
    line = [HitLine(1, 0.9, "cat.jpg", href="file:///home/me/cat.jpg")]
    assert "\x1b]8;" in hits_table(line, terminal=True)
    assert "\x1b" not in hits_table(line, terminal=True, color=False)


def test_a_link_that_could_break_out_is_not_made() -> None:
    line = [HitLine(1, 0.9, "cat.jpg", href="file:///a\x1b\\evil")]
    assert "evil" not in hits_table(line, terminal=True)


LONG = HitLine(3, 0.512, "holiday/a very long name of a picture, 写真.jpg", ("300 × 198", "1 copy"))


@pytest.mark.parametrize("width", [20, 30, 40, 59])
def test_on_a_narrow_terminal_names_stand_on_lines_of_their_own_and_are_whole(width: int) -> None:
    table = hits_table([LINES[0], LONG], terminal=True, color=False, width=width)
    lines = table.splitlines()
    assert lines[:3] == ["1 0.988 █████████▉", "  a/cat.jpg", "  640 x 480"]
    assert lines[3] == "3 0.512 █████▏"
    assert LONG.name.replace(" ", "") in "".join(lines).replace(" ", "")
    assert len(lines) <= 5 + len(LONG.name) // (width - 5) + 2


def test_piped_a_line_is_never_folded_whatever_the_width() -> None:
    assert hits_table([LONG], terminal=False, width=30).count("\n") == 2


FACTS = {"index": "exact, 12 pictures, 1280 dimensions", "files": "13"}


def test_facts_are_aligned_and_on_a_narrow_terminal_what_is_long_stands_below_its_name() -> None:
    wide = "index  exact, 12 pictures, 1280 dimensions\nfiles  13\n"
    assert facts_text(FACTS, terminal=False, width=30) == facts_text(FACTS, terminal=True, width=60) == wide
    assert facts_text(FACTS, terminal=True, width=30) == (
        "index\n  exact, 12 pictures, 1280\n  dimensions\nfiles  13\n"
    )
    assert facts_text({}, terminal=True, width=30) == ""
