"""Let a browser embed pictures with the page's own code, and read what it sends."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.core.errors import ServiceDown
from lookalike.core.vectors import Vectors
from lookalike.models.card import ModelCard
from lookalike.models.store import ModelFile
from lookalike.service.parity.browser import browsing
from lookalike.service.parity.exchange import Exchange, serving
from lookalike.service.parity.golden import Golden

BACKENDS = ("webgpu", "wasm-threads", "wasm")
PAGE = "parity.html"
_SECONDS_TO_OPEN = 60
_SECONDS_A_PICTURE = 2
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserVectors:
    """What one backend of a browser computed.

    Attributes:
        backend: that was asked for.
        why: in the browser's words: what it runs, or why it cannot.
        vectors: shape (N, D), float32; 0 for pictures that could not be read. None where it has no such backend.
        errors: place of a picture -> why it could not be read.
        first_load_ms, load_ms: until it was ready: with the model fetched, and with the model in its cache.
        timings_ms: `decode`, `resize`, `run`, `total` -> shape (N,), float32; NaN where a picture could not be read.
    """

    backend: str
    why: str
    vectors: Vectors | None
    errors: Mapping[int, str]
    first_load_ms: float
    load_ms: float
    timings_ms: Mapping[str, np.ndarray[Any, np.dtype[np.float32]]]


def embed_in_browser(
    pictures: Sequence[Golden],
    *,
    card: ModelCard,
    model: ModelFile,
    page: Path,
    browser: Path,
    backends: Sequence[str] = BACKENDS,
) -> list[BrowserVectors]:
    """Embed pictures by each backend of a browser. Takes some seconds to start, and 50 ms a picture and backend.

    Args:
        pictures: N.
        card: of the model that the browser is to run.
        model: its file.
        page: folder of the built page.
        browser: program of the Chromium family.
        backends: to try.
    Returns:
        one for each backend, in this order.
    Raises:
        ServiceDown: when the page is not built, or the browser cannot be started, fails, or does not answer in time.
    """
    if not (page / PAGE).is_file():
        raise ServiceDown(f"the page has not been built ({page / PAGE} is not there): run npm run build in web/")
    exchange = Exchange(page, card=card, model=model, pictures=pictures, backends=backends)
    limit_s = _SECONDS_TO_OPEN * len(backends) + _SECONDS_A_PICTURE * len(backends) * len(pictures)
    with serving(exchange) as url:
        _show(browser, url, exchange, limit_s=limit_s)
    if exchange.failure:
        raise ServiceDown(
            f"the page failed in the browser: {exchange.failure}"
            "; open it in the browser by hand, and look at its console"
        )
    return [_read(result, dimension=card.dimension) for result in exchange.results]


def _show(browser: Path, url: str, exchange: Exchange, *, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    try:
        with browsing(browser, url) as process:
            while not exchange.finished.wait(_LOOK_EVERY_S):
                if process.poll() is not None:
                    raise ServiceDown(
                        f"expected the browser {browser} to stay until it is done, but it ended by itself, with exit "
                        f"code {process.returncode}; start it by hand to see why"
                    )
                if time.monotonic() > end:
                    raise ServiceDown(
                        f"the browser {browser} did not finish within {limit_s:.0f} seconds"
                        "; close other programs, or give it fewer pictures"
                    )
    except OSError as error:
        raise ServiceDown(
            f"the browser {browser} cannot be started: {error.strerror or error}"
            "; start it by hand to see why, or choose another with --browser"
        ) from error


def _read(result: dict[str, Any], *, dimension: int) -> BrowserVectors:
    rows = result["rows"]
    ran = result["backend"] == result["asked"]
    return BrowserVectors(
        backend=result["asked"],
        why=result["why"],
        vectors=np.stack([_vector(row["vector"], dimension=dimension) for row in rows]) if ran else None,
        errors={place: row["error"] for place, row in enumerate(rows) if row["error"] is not None},
        first_load_ms=result["first_load_ms"],
        load_ms=result["load_ms"],
        timings_ms={
            stage: np.array([_milliseconds(row["timings"], stage) for row in rows], np.float32)
            for stage in ("decode", "resize", "run", "total")
        },
    )


def _vector(text: str | None, *, dimension: int) -> Vectors:
    if text is None:
        return np.zeros(dimension, np.float32)
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def _milliseconds(timings: dict[str, float] | None, stage: str) -> float:
    return float("nan") if timings is None else timings[f"{stage}_ms"]
