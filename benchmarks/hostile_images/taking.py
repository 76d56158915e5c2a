"""The process that is given damaged pictures: `python -m benchmarks.hostile_images.taking FOLDER COUNT`.

First it indexes whole pictures, so that everything is loaded and warm, then damaged ones, and tells as JSON what came
of them and how much memory they took on top.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import lookalike
from lookalike.core.errors import ImageRefused
from lookalike.images.refusals import RefusalCode
from tests.unit.images.mutations import mutants
from tests.unit.images.pictures import every_kind

_SEED = 2026


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    seeds = list(every_kind().values())
    whole, damaged = folder / "whole", folder / "damaged"
    for place, pictures in ((whole, seeds), (damaged, mutants(seeds, count, _SEED))):
        place.mkdir()
        for n, content in enumerate(pictures):
            (place / f"{n:04d}.jpg").write_bytes(content)
    with lookalike.open(folder / "hostile.lookalike", threads=2) as collection:
        collection.index(whole)
        for path in sorted(whole.iterdir()):
            _direct(collection, path)
        before_mb = _status_mb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: proc(5)
        direct = Counter(_direct(collection, path) for path in sorted(damaged.iterdir()))
        report = collection.index(damaged)
        codes = Counter(failure.code for failure in report.failed)
    print(
        json.dumps(
            {
                "direct": direct,
                "taken": report.read,
                "refused": len(report.failed),
                "unknown_codes": sorted(set(codes) - {code.value for code in RefusalCode}),
                "extra_mb": _status_mb("VmHWM") - before_mb,
            }
        )
    )


def _direct(collection: lookalike.Collection, path: Path) -> str:
    """Decode and embed, as a search would; tells what came of it."""
    try:
        collection.embed(path.read_bytes())
    except ImageRefused:
        return "refused"
    except Exception as error:
        return f"other: {type(error).__name__}"
    return "embedded"


def _status_mb(name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
