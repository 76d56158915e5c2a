"""A worker in a process of its own, `python -m tests.e2e.over_rabbitmq CONCURRENCY`; its settings come by its input."""

from __future__ import annotations

import pickle
import sys
import threading
from functools import partial
from pathlib import Path

from lookalike.cli.stopping import set_at_signals
from lookalike.images.apart import decoders
from lookalike.service import app, housework
from lookalike.service.housework import Housework
from lookalike.settings.service import ServiceSettings
from lookalike.worker import Worker
from lookalike.worker.embedding import DecodeBounds
from tests import services

LEASE_S = 5.0
POISONED = Path(__file__).parents[1] / "unit" / "images" / "poisoned_child.py"


def work(settings: ServiceSettings, *, concurrency: int) -> None:
    """As `lookalike worker` does, with decoders that some pictures bring down."""
    stop = threading.Event()
    set_at_signals(stop)
    decoders.PROGRAM = (sys.executable, str(POISONED))
    housework.Worker = partial(Worker, lease_s=LEASE_S)  # type: ignore[misc, assignment]
    service = app.wire(settings, open_=services.open_small)
    print("works", flush=True)
    try:
        bounds = DecodeBounds(memory_bytes=300_000_000, seconds=20.0)
        Housework(service).work(stop, concurrency=concurrency, bounds=bounds)
    finally:
        service.collections.close()
        service.dispatch.close()
        service.ledger.close()
    print("ended", flush=True)


if __name__ == "__main__":
    from lookalike.worker import policy, relay, worker

    for module in (policy, relay, worker):  # nobody waits long here
        module.backoff_s = lambda *given, **named: 0.05  # type: ignore[attr-defined]
    work(pickle.load(sys.stdin.buffer), concurrency=int(sys.argv[1]))
