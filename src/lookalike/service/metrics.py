"""Figures for Prometheus. The other parts call methods; that there is a Prometheus is known here alone.

With several processes, each writes its figures into files in the folder that `PROMETHEUS_MULTIPROC_DIR` names, and
whichever is asked adds them up. `prometheus_client` reads that variable when it is imported, so it is set before the
processes are started: see `lookalike.service.server`.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from lookalike import __version__

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHER_METHOD = "OTHER"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
DISTANCES = (0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.15, 0.5, 1.0)


class Metrics:
    """The figures of one process. Safe to use from many threads.

    Args:
        registry: where they are kept; one of its own if None, so that several applications live in one process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = kept = registry if registry is not None else CollectorRegistry()
        self._together = MULTIPROCESS in os.environ
        if not self._together:
            ProcessCollector(registry=kept)
        gauge = Gauge("lookalike_info", "Which version runs.", ["version"], registry=kept, multiprocess_mode="max")
        gauge.labels(__version__).set(1)
        self._running = Gauge(
            "lookalike_running",
            "Requests and WebSockets that are served now.",
            ["kind"],
            registry=kept,
            multiprocess_mode="livesum",
        )
        self._requests = Counter(
            "lookalike_requests", "Requests answered.", ["method", "route", "status"], registry=kept
        )
        self._request_seconds = Histogram(
            "lookalike_request_seconds", "Time of a request.", ["method", "route"], buckets=SECONDS, registry=kept
        )
        self._stage_seconds = Histogram(
            "lookalike_stage_seconds", "Time of a stage of the work.", ["stage"], buckets=SECONDS, registry=kept
        )
        self._batches = Histogram("lookalike_batch_size", "Pictures embedded together.", buckets=BATCHES, registry=kept)
        self._dropped = Counter("lookalike_dropped_frames", "Frames of streams passed over.", registry=kept)
        self._embedded = Counter(
            "lookalike_embedded", "Vectors of queries, by who made them.", ["where"], registry=kept
        )
        self._verified = Counter(
            "lookalike_uploads_verified", "Clients' vectors compared.", ["outcome", "browser"], registry=kept
        )
        self._distances = Histogram(
            "lookalike_upload_distance",
            "Cosine distance between a client's vector and ours.",
            ["browser"],
            buckets=DISTANCES,
            registry=kept,
        )
        self._jobs = Gauge(
            "lookalike_jobs", "Jobs in the queue.", ["state"], registry=kept, multiprocess_mode="livemostrecent"
        )
        self._tiers = Counter(
            "lookalike_tier",
            "Answers of the tiered mode: kept, or the finer model was asked.",
            ["outcome"],
            registry=kept,
        )
        self._saturation = Gauge(
            "lookalike_saturation",
            "How full a bounded part is, 0 to 1.",
            ["part"],
            registry=kept,
            multiprocess_mode="livemax",
        )

        self._not_saved = Gauge(
            "lookalike_index_not_saved_seconds",
            "For how long the index that has waited longest to be saved could not be; 0 while all can.",
            registry=kept,
            multiprocess_mode="livemax",
        )

    def running(self, kind: str, change: int) -> None:
        """A request (`http`) or a `websocket` began (1) or ended (-1)."""
        self._running.labels(kind).inc(change)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the pattern, not the path."""
        method = method if method in METHODS else OTHER_METHOD
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def stage(self, name: str, seconds: float) -> None:
        """A stage such as `decode`, `embed` or `search` took so long."""
        self._stage_seconds.labels(name).observe(seconds)

    def batch(self, size: int) -> None:
        """So many pictures were embedded together."""
        self._batches.observe(size)

    def dropped_frames(self, n: int) -> None:
        """So many frames were passed over for newer ones."""
        self._dropped.inc(n)

    def count_embedding(self, where: str) -> None:
        """A query's vector was made, by the `server` or the `client`."""
        self._embedded.labels(where).inc()

    def upload_verified(self, outcome: str, browser: str, distance: float | None) -> None:
        """A client's vector was `kept`, `replaced` or `quarantined`, at this distance from ours (None: not known)."""
        self._verified.labels(outcome, browser).inc()
        if distance is not None:
            self._distances.labels(browser).observe(distance)

    def queue_depth(self, queued: int, running: int) -> None:
        """So many jobs wait, and are done, that all processes share."""
        self._jobs.labels("queued").set(queued)
        self._jobs.labels("running").set(running)

    def count_rerank(self, outcome: str) -> None:
        """The tiered mode `kept` its first answer, or `asked` the finer model."""
        self._tiers.labels(outcome).inc()

    def saturation(self, name: str, value: float) -> None:
        """A bounded part is so full, 0 to 1."""
        self._saturation.labels(name).set(value)

    def not_saved(self, lasts_s: float) -> None:
        """An index could not be saved for so long, in seconds; 0 where all can."""
        self._not_saved.set(lasts_s)

    def render(self) -> bytes:
        """All figures, of all processes, as Prometheus reads them (`CONTENT_TYPE`)."""
        if not self._together:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
