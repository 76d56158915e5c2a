"""How much memory an index takes, and whether it stays the same. About a minute."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.command import FILES, command_line, environment
from benchmarks.harness import Bench, CannotRun
from benchmarks.photos import distinct_copies, large_photos
from benchmarks.rows import measured, median

QUESTION = "How much memory does indexing 10,000 photos take?"
LARGE = 40
EVERY_S = 0.05


def measure(bench: Bench) -> None:
    folder = bench.folder("photos")
    large = large_photos(bench, LARGE)
    count = distinct_copies(bench, folder, FILES - len(large))
    folders = sorted(folder.iterdir())
    for n, photo in enumerate(large):  # spread over the whole run
        shutil.copyfile(photo, folders[n * len(folders) // len(large)] / f"large-{n:02d}.jpg")
    seen = _watched(command_line("index", folder, "-c", bench.own / "memory.lookalike", "--json"))
    quarter = len(seen) // 4
    second, last = median(seen[quarter : 2 * quarter]), median(seen[3 * quarter :])
    note = f"resident, looked at every {EVERY_S * 1000:.0f} ms; {len(large)} of the photos have 12 megapixels"
    bench.add(
        measured(f"indexing {count + len(large):,} photos, peak", max(seen), "MB", target="<= 600 MB", note=note),
        measured("at rest: second quarter of the run", second, "MB"),
        measured("at rest: last quarter of the run", last, "MB"),
        measured(
            "growth from the second quarter to the last",
            100 * (last - second) / second,
            "%",
            target="<= 10 %",
            note="of the medians; the last quarter holds the learning of the projection and the saving of the index",
        ),
    )


def _watched(command: list[str]) -> list[float]:
    """Resident megabytes of a command, again and again until it ends well."""
    seen = []
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        while child.poll() is None:
            seen.append(_resident_mb(child.pid))
            time.sleep(EVERY_S)
        complaints = child.stderr.read() if child.stderr else b""
    if child.returncode:
        raise RuntimeError(f"the command ended with {child.returncode}: {complaints.decode(errors='replace')[-2000:]}")
    return [megabytes for megabytes in seen if megabytes]


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError as error:
        raise CannotRun("needs Linux's /proc to see the memory of another process") from error
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024 / 1e6 if "VmRSS" in lines else 0.0  # none once it has ended
