"""The machine's facts, and how fast its clock runs at the moment."""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.rows import median, rounded

_PACKAGES = (
    "lookalike",
    "numpy",
    "onnxruntime",
    "pillow",
    "simplejpeg",
    "sqlalchemy",
    "fastembed",
    "opencv-python-headless",
)
_HASHED = bytes(8 * 2**20)


def facts() -> dict[str, object]:
    """What a reader has to know to compare figures."""
    cpu = _cpu_facts()
    return {
        "cpu": cpu.get("model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vnni": "avx512_vnni" in cpu.get("flags", "") or "avx_vnni" in cpu.get("flags", ""),
        "memory_gb": rounded(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of the packages that do the work, as far as they are installed."""
    found = {"sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def clock_ms() -> float:
    """Milliseconds for hashing 8 MiB on one thread: always the same work, so it tells how fast the clock runs."""
    started = time.perf_counter()
    hashlib.sha256(_HASHED).digest()
    return (time.perf_counter() - started) * 1000


def clock_note(ticks_ms: Sequence[float]) -> dict[str, float]:
    """The clock over all rounds of a question."""
    return {"median": rounded(median(ticks_ms)), "lowest": rounded(min(ticks_ms)), "highest": rounded(max(ticks_ms))}


def _cpu_facts() -> dict[str, str]:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return {}
    first = listing.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
