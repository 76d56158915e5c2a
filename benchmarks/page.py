"""Make docs/benchmarks.md from the results, and from nothing else: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import QUESTIONS, RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Made by `python -m benchmarks.page` from `benchmarks/results`, and from nothing else. `make bench` measures anew; the
code of each question is in `benchmarks/<question>/run.py`.

Peers run on the same data in the same run, in turns of a few seconds, so that a clock that changes its speed changes
both. A ratio is how many times better than the peer; the quartiles are those of the ratios where there is a ratio, else
of the values. How fast the clock ran is told by the time for hashing 8 MiB.
"""
_COLUMNS = ("what", "measured", "quartiles", "against", "ratio", "target", "reached")


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page.

    Args:
        results: the content of each result, by the name of its question.
    """
    return "\n".join([_HEAD, *(_section(name, results[name]) for name in QUESTIONS if name in results)])


def read_results() -> dict[str, dict[str, Any]]:
    """All results that there are."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def _section(name: str, result: Mapping[str, Any]) -> str:
    rows = result["rows"]
    lines = [f"## {name.replace('_', ' ').capitalize()}", "", result["question"], "", _line(_COLUMNS)]
    lines += [_line(["---"] * len(_COLUMNS)), *(_line(_cells(row)) for row in rows), ""]
    notes = [f"- {row['name']}: {row['note'] or row['not_run']}" for row in rows if row["note"] or row["not_run"]]
    return "\n".join([*lines, *([*notes, ""] if notes else []), _measured_on(result), ""])


def _cells(row: Mapping[str, Any]) -> list[str]:
    against = "" if row["peer"] is None else row["peer"]
    if row["peer_value"] is not None:
        against += f": {_number(row['peer_value'])} {row['unit']}".rstrip()
    return [
        row["name"],
        "could not run" if row["value"] is None else f"{_number(row['value'])} {row['unit']}".rstrip(),
        "" if row["spread"] is None else " to ".join(_number(value) for value in row["spread"]),
        against,
        "" if row["ratio"] is None else f"{_number(row['ratio'])}x",
        row["target"] or "",
        {True: "yes", False: "**no**", None: ""}[row["met"]],
    ]


def _measured_on(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    clock = machine["sha256_of_8_mib_ms"]
    versions = ", ".join(f"{package} {version}" for package, version in sorted(result["versions"].items()))
    return (
        f"Measured on {result['date']} in {result['seconds']} s: {machine['cpu']}, {machine['cores']} cores, "
        f"{'with' if machine['vnni'] else 'without'} VNNI, {_number(machine['memory_gb'])} GB, {machine['kernel']}, "
        f"Python {machine['python']}; {versions}. Hashing 8 MiB took {_number(clock['median'])} ms "
        f"({_number(clock['lowest'])} to {_number(clock['highest'])})."
    )


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def main() -> None:
    PAGE.write_text(page(read_results()), encoding="utf-8")


if __name__ == "__main__":
    main()
