"""What the collection stands on: libraries, the processor, the disk, who else is there."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lookalike.core.installing import install_line, reinstall_line
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.patient import Patient

LITTLE_ROOM_BYTES = 1_000_000_000
NO_ROOM_BYTES = 50_000_000

_REQUIRED = ("onnxruntime", "onnx", "numpy", "pillow", "simplejpeg", "sqlalchemy", "alembic")
_EXTRAS = {
    "heic": ("pillow-heif", "HEIC pictures"),
    "parquet": ("pyarrow", "export and import"),
    "watch": ("watchfiles", "index --watch"),
    "pandas": ("pandas", "results as tables"),
}
_LEAST_SQLITE = (3, 38)  # RETURNING, and functions for JSON without asking
_CPU_FACTS = Path("/proc/cpuinfo")


def environment(_: Patient) -> Iterator[Finding]:
    """Versions of libraries, and what is missing."""
    check = "environment"
    yield fine(check, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    found = {name: _version(name) for name in _REQUIRED}
    missing = [name for name, installed in found.items() if installed is None]
    if missing:
        yield problem(check, f"not installed: {', '.join(missing)}", reinstall_line())
    yield fine(check, ", ".join(f"{name} {installed}" for name, installed in found.items() if installed is not None))
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        least = ".".join(map(str, _LEAST_SQLITE))
        yield problem(
            check, f"SQLite {sqlite3.sqlite_version}", f"use a Python that comes with SQLite {least} or later"
        )
    else:
        yield fine(check, f"SQLite {sqlite3.sqlite_version}")
    for extra, (library, purpose) in _EXTRAS.items():
        installed = _version(library)
        if installed is None:
            yield fine(check, f"{purpose}: {library} is not installed", f"{install_line(extra)} if needed")
        else:
            yield fine(check, f"{purpose}: {library} {installed}")
    yield from _processor(check)


def disk(patient: Patient) -> Iterator[Finding]:
    """Room for growth."""
    if patient.folder is None:
        return
    there = next(one for one in (patient.folder.absolute(), *patient.folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(there).free
    what = f"{free / 1e9:.1f} GB free for {patient.folder}"
    if free < NO_ROOM_BYTES:
        yield problem("disk", what, "make room: nothing can be indexed on a full disk")
    elif free < LITTLE_ROOM_BYTES:
        yield warning("disk", what, "make room: 100,000 pictures take about 0.4 GB")
    else:
        yield fine("disk", what)


def lock(patient: Patient) -> Iterator[Finding]:
    """Who is writing."""
    holder = patient.lock_holder()
    if holder is None:
        yield fine("lock", "nobody is writing")
    else:
        yield warning("lock", f"being written to: {holder}", "what is found here may be on its way; look again later")


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processor(check: str) -> Iterator[Finding]:
    """On x86, int8 models are twice as fast where the processor has VNNI; without it they are right, but slower."""
    try:
        flags = _CPU_FACTS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux: nothing is known
        return
    if "avx512_vnni" in flags or "avx_vnni" in flags:
        yield fine(check, "the processor has VNNI: int8 models run fast")
    elif "avx2" in flags:
        yield fine(check, "the processor has no VNNI: int8 models run slower than they could")
