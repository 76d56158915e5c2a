"""Run as a program: decode a file and print the memory that this took at its peak, and what was estimated."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lookalike.images.cost import plan_decoding
from lookalike.images.decode import decode
from lookalike.images.guard import inspect
from lookalike.images.limits import ImageLimits

LIMITS = ImageLimits(max_decode_bytes=10**12, trusted_decode_bytes=10**12)


def main() -> None:
    small, large = (Path(name).read_bytes() for name in sys.argv[1:3])
    min_side = int(sys.argv[3]) or None
    decode(small, limits=LIMITS)  # what is loaded once is loaded before
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before_bytes = status_bytes("VmRSS")
    decode(large, min_side=min_side, limits=LIMITS)
    peak_bytes = status_bytes("VmHWM") - before_bytes
    print(json.dumps([peak_bytes, plan_decoding(inspect(large, limits=LIMITS), min_side=min_side).cost_bytes]))


def status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
