"""The figures of docs/benchmarks.md: one folder a question, `python -m benchmarks.run` answers them all."""

import os

import lookalike  # noqa: F401  # before any library that would report to its maker; child processes inherit that

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # of a peer
