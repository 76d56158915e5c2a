"""What damaged pictures do to decoding, embedding and indexing. About a minute."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.command import environment
from benchmarks.harness import Bench, CannotRun
from benchmarks.rows import measured

QUESTION = "What do 2,000 damaged pictures of all formats do?"
MUTANTS = 2_000
ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> None:
    if not Path("/proc/self/clear_refs").exists():
        raise CannotRun("needs Linux's /proc to see the peak of memory")
    count = bench.size(MUTANTS)
    command = [sys.executable, "-m", "benchmarks.hostile_images.taking", str(bench.folder("pictures")), str(count)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    crashed = done.returncode != 0
    if crashed:
        bench.say(done.stderr[-2000:])
    told = json.loads(done.stdout) if not crashed else {}
    direct = told.get("direct", {})
    other = sum(number for what, number in direct.items() if what.startswith("other"))
    note = f"{direct.get('embedded', 0):,} were embedded all the same, {direct.get('refused', 0):,} refused"
    bench.add(
        measured("crashes", int(crashed), "", target="<= 0", note=f"{count:,} pictures; {note}"),
        measured("errors of another type than ours", other, "", target="<= 0", note=str(sorted(direct))),
    )
    if crashed:
        return
    missing = count - told["taken"] - told["refused"]
    bench.add(
        measured("files that the index neither took nor refused", missing, "", target="<= 0"),
        measured("refusals with a code that is not documented", len(told["unknown_codes"]), "", target="<= 0"),
        measured("memory on top of indexing whole pictures, peak", told["extra_mb"], "MB", target="<= 200 MB"),
    )
