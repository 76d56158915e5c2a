"""Answer all questions, or those that are named: `python -m benchmarks.run indexing_speed --sample 200`.

Each question runs in a process of its own. A result is written to `benchmarks/results`; that of a sample, which tells
only that the measurement works, to a temporary folder.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import QUESTIONS, RESULTS, Bench, CannotRun
from benchmarks.rows import could_not_run

SCRATCH = Path(tempfile.gettempdir()) / "lookalike-benchmarks"


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.shared is not None:
        _answer(arguments.questions[0], shared=arguments.shared, sample=arguments.sample)
        return 0
    failed = []
    with tempfile.TemporaryDirectory(prefix="lookalike-benchmarks-") as shared:
        for question in arguments.questions or QUESTIONS:
            command = [sys.executable, "-m", "benchmarks.run", question, "--shared", shared]
            sample = [] if arguments.sample is None else ["--sample", str(arguments.sample)]
            if subprocess.run([*command, *sample], check=False).returncode:
                failed.append(question)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    names = [*QUESTIONS, []]  # Python 3.11 wants the empty list of none to be a choice, too
    parser.add_argument("questions", nargs="*", choices=names, metavar="QUESTION", help=", ".join(QUESTIONS))
    parser.add_argument("--sample", type=int, help="measure so many things at most, for a quick try")
    parser.add_argument("--shared", type=Path, help=argparse.SUPPRESS)
    return parser


def _answer(name: str, *, shared: Path, sample: int | None) -> None:
    question = importlib.import_module(f"benchmarks.{name}.run")
    print(f"{name}: {question.QUESTION}", file=sys.stderr, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=shared) as own:
        bench = Bench(shared=shared, own=Path(own), sample=sample)
        try:
            question.measure(bench)
        except CannotRun as missing:
            bench.add(could_not_run(question.QUESTION, str(missing)))
    seconds = time.monotonic() - started
    path = (RESULTS if sample is None else SCRATCH) / f"{name}.json"
    bench.write(path, question=question.QUESTION, seconds=seconds)
    print(f"  {seconds:.0f} s, written to {path}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
