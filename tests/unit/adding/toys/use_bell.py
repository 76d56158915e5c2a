"""A service with the toy's broker, run on a copy of the source that picks it: the relay tells it of jobs."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from pathlib import Path

from lookalike.service.app import wire
from lookalike.settings.service import ServiceSettings
from lookalike.worker.relay import Relay


def main(home: Path) -> None:
    service = wire(ServiceSettings(home=home))
    assert type(service.dispatch).__name__ == "BellDispatch"
    assert service.dispatch.needs_relay
    stop = threading.Event()
    with closing(service.dispatch.consumer(["toy"])) as consumer:
        job = service.ledger.jobs.enqueue("toy", collection="c", payload={})
        relay = threading.Thread(target=Relay(service.ledger.jobs, service.dispatch).run, args=(stop,))
        relay.start()
        try:
            delivery = consumer.receive(wait_s=30)
            assert delivery is not None
            assert delivery.notice.job_id == job.id
            consumer.ack(delivery)
        finally:
            stop.set()
            relay.join()
    service.dispatch.close()
    service.ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
