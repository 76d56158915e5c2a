"""Both flows on the same photos and the same parts, and what each costs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from chain.flows import Api, Flow, Photo, wait_searchable
from chain.programs import Program

AT_ONCE = 4
"""Clients at a time."""

SEARCHABLE_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What it took to bring photos in by one flow.

    Attributes:
        flow: its name.
        photos: how many.
        acknowledged_s: shape (N,): of each, from the first request to the last reply, in seconds.
        searchable_s: until all of them were found by their own vectors, in seconds.
        api_cpu_s, worker_cpu_s: seconds of processor.
        api_bytes: that went through the service, both ways.
    """

    flow: str
    photos: int
    acknowledged_s: tuple[float, ...]
    searchable_s: float
    api_cpu_s: float
    worker_cpu_s: float
    api_bytes: int


def upload_all(
    flow: Flow, photos: Sequence[Photo], *, service: Program, workers: Sequence[Program], collection: str, model_id: str
) -> Costs:
    """Bring photos into a new collection, and wait until all are searchable.

    Raises:
        Refused: when the service refuses one.
        TimeoutError: when one is not searchable in time.
    """
    asking = Api(service.url)
    asking.call("PUT", f"/v1/collections/{collection}")
    api_cpu_s, worker_cpu_s = service.cpu_s(), sum(worker.cpu_s() for worker in workers)
    began = time.monotonic()
    shares = [photos[n::AT_ONCE] for n in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as clients:
        sent = list(clients.map(partial(_upload_share, flow, url=service.url, collection=collection), shares))
    uploaded_cpu_s = service.cpu_s()  # before the questions whether they are searchable, which are no part of a flow
    for photo in photos:
        wait_searchable(photo, asking, collection=collection, model_id=model_id, within_s=SEARCHABLE_WITHIN_S)
    searchable_s = time.monotonic() - began
    asking.close()
    return Costs(
        flow=flow.name,
        photos=len(photos),
        acknowledged_s=tuple(seconds for share, _ in sent for seconds in share),
        searchable_s=searchable_s,
        api_cpu_s=uploaded_cpu_s - api_cpu_s,
        worker_cpu_s=sum(worker.cpu_s() for worker in workers) - worker_cpu_s,
        api_bytes=sum(through for _, through in sent),
    )


def table(costs: Sequence[Costs]) -> str:
    """The comparison as text."""
    rows: list[tuple[str, Callable[[Costs], str]]] = [
        ("acknowledged after, median", lambda one: f"{1000 * np.median(one.acknowledged_s):.0f} ms"),
        ("acknowledged after, p95", lambda one: f"{1000 * np.percentile(one.acknowledged_s, 95):.0f} ms"),
        ("all searchable after", lambda one: f"{one.searchable_s:.1f} s"),
        ("processor of the service, of 1,000", lambda one: f"{1000 * one.api_cpu_s / one.photos:.1f} s"),
        ("processor of the workers, of 1,000", lambda one: f"{1000 * one.worker_cpu_s / one.photos:.1f} s"),
        ("bytes through the service, of 1,000", lambda one: f"{1000 * one.api_bytes / one.photos / 1e6:.2f} MB"),
    ]
    lines = [f"{'':36}" + "".join(f"{one.flow:>12}" for one in costs)]
    lines += [f"{name:36}" + "".join(f"{tell(one):>12}" for one in costs) for name, tell in rows]
    return "\n".join(lines)


def _upload_share(flow: Flow, photos: Sequence[Photo], *, url: str, collection: str) -> tuple[list[float], int]:
    api, seconds = Api(url), []
    for photo in photos:
        began = time.monotonic()
        flow.upload(photo, api, collection=collection, once=secrets.token_hex(16))
        seconds.append(time.monotonic() - began)
    api.close()
    return seconds, api.bytes_through
