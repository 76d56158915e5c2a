"""Uploads by both flows while any part of the chain is killed by SIGKILL, and whether all of them came through."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from chain.flows import Api, Flow, Photo, Refused, is_searchable
from chain.server import Server

CLIENTS = 4
PATIENCE_S = 180.0
"""For which a client tries again to have one picture acknowledged."""

SEARCHABLE_WITHIN_S = 60.0
"""After the last part is up again."""

_DOWN_S = (0.1, 1.5)
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A part that is killed.

    Attributes:
        name: for people.
        server: it.
    """

    name: str
    server: Server


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        acknowledged: photos that the service said it had, by the flow that brought them.
        waits_s: of each of these, from the first request to the last reply.
        kills: how often each part was killed.
        lost: of the acknowledged, those that no search finds in the end.
        double: those that are in the collection more than once.
    """

    acknowledged: list[tuple[Photo, str]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)
    lost: list[Photo] = field(default_factory=list)
    double: int = 0


def besiege(
    photos: Sequence[Photo],
    flows: Sequence[Flow],
    targets: Sequence[Target],
    *,
    url: str,
    collection: str,
    model_id: str,
    every_s: float,
    seed: int = 0,
) -> Outcome:
    """Upload all, in turn by each flow, while one part after the other is killed; then look for every one.

    Args:
        photos: pictures, each once.
        flows: how they come in.
        targets: parts that run, and run again in the end.
        url: of the service; the same after it was killed.
        collection: a name; it is made.
        model_id: of the model of their vectors.
        every_s: seconds between two kills.
        seed: of what is killed when.
    Raises:
        TimeoutError: when one was not acknowledged in time.
    """
    outcome = Outcome(kills={target.name: 0 for target in targets})
    insist(lambda api: api.call("PUT", f"/v1/collections/{collection}"), url)
    stop = threading.Event()
    killing = threading.Thread(target=_kill, args=(targets, outcome.kills, stop, every_s, random.Random(seed)))  # noqa: S311 - not for secrets
    killing.start()
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            upload = partial(_upload, url=url, collection=collection)
            chosen = [flows[n % len(flows)] for n in range(len(photos))]
            outcome.waits_s = list(clients.map(upload, photos, chosen, count()))
        outcome.acknowledged = [(photo, flow.name) for photo, flow in zip(photos, chosen, strict=True)]
    finally:
        stop.set()
        killing.join()
    _look_for_all(outcome, url=url, collection=collection, model_id=model_id)
    return outcome


def insist(call: Callable[[Api], object], url: str) -> None:
    """Do something again until it is answered, as a client does that does not know what became of it.

    Raises:
        Refused: when the answer is that it cannot be.
        TimeoutError: when there is none in time.
    """
    until = time.monotonic() + PATIENCE_S
    api = Api(url)
    try:
        while True:
            try:
                call(api)
            except (OSError, http.client.HTTPException) as error:
                last: Exception = error
            except Refused as error:
                if not is_for_the_moment(error):
                    raise
                last = error
            else:
                return
            if time.monotonic() > until:
                raise TimeoutError(f"expected an answer within {PATIENCE_S:g} s, got none: {last}") from last
            time.sleep(_PAUSE_S)
    finally:
        api.close()


def is_for_the_moment(error: Refused) -> bool:
    """Whether it says to come again."""
    is_running = error.status == http.client.CONFLICT and "idempotency_running" in str(error)
    return is_running or error.status >= 500 or error.status in (http.client.TOO_MANY_REQUESTS, http.client.LOCKED)


def _upload(photo: Photo, flow: Flow, number: int, *, url: str, collection: str) -> float:
    began = time.monotonic()
    insist(lambda api: flow.upload(photo, api, collection=collection, once=f"{collection}-{number}"), url)
    return time.monotonic() - began


def _kill(
    targets: Sequence[Target], kills: dict[str, int], stop: threading.Event, every_s: float, chance: random.Random
) -> None:
    while not stop.wait(every_s):
        target = chance.choice(targets)
        target.server.kill()
        kills[target.name] += 1
        time.sleep(chance.uniform(*_DOWN_S))
        target.server.start()


def _look_for_all(outcome: Outcome, *, url: str, collection: str, model_id: str) -> None:
    until = time.monotonic() + SEARCHABLE_WITHIN_S
    api = Api(url)
    waiting = [photo for photo, _ in outcome.acknowledged]
    while waiting:
        waiting = [one for one in waiting if not _is_found(one, api, collection=collection, model_id=model_id)]
        if time.monotonic() > until:
            break
        time.sleep(_PAUSE_S)
    outcome.lost = waiting
    there = api.call("GET", f"/v1/collections/{collection}")
    outcome.double = max(0, int(there["images"]) - len({photo.id for photo, _ in outcome.acknowledged}))
    api.close()


def _is_found(photo: Photo, api: Api, *, collection: str, model_id: str) -> bool:
    try:
        return is_searchable(photo, api, collection=collection, model_id=model_id)
    except (OSError, http.client.HTTPException, Refused):
        return False
