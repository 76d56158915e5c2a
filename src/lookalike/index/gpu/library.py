"""The one place where torch is imported, and which device it computes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.core.errors import BadInput, needing

with needing("torch", extra="gpu", purpose="searching on a graphics card"):
    import torch

__all__ = ["choose_device", "free_bytes", "summing_in_full", "torch"]

_SHARE_OF_FREE = 0.8
_ON_THE_PROCESSOR_BYTES = 1 << 30


def choose_device(name: str | None) -> torch.device:
    """The device of that name; None for the first graphics card that torch sees, else the processor.

    Raises:
        BadInput: when torch knows no such device, or sees no such card.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadInput(
            f"expected a device such as cpu or cuda, got {name!r}; leave it out for what is there"
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise BadInput(f"expected a device such as cpu or cuda, got {name!r}; leave it out for what is there")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadInput(
            f"expected a card that torch sees, got {name!r}: it sees {torch.cuda.device_count()}; "
            "use the processor, or install a torch that is built for the card's driver"
        )
    return device


def free_bytes(device: torch.device) -> int:
    """How much memory may be taken on a device: most of what a card has free, 1 GiB on the processor."""
    if device.type == "cpu":
        return _ON_THE_PROCESSOR_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return int(_SHARE_OF_FREE * free)


@contextmanager
def summing_in_full(device: torch.device) -> Iterator[None]:
    """Sums of half-precision products are float32 throughout, which the proofs rest on; torch's default is not that.

    The flag holds for the whole process, so it is turned back when the last of those who want it has ended.
    """
    if device.type == "cpu":
        yield
        return
    _FULL.enter()
    try:
        yield
    finally:
        _FULL.leave()


class _Full:
    """How many want the flag, and what it was before the first."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._wanted = 0
        self._before = True

    def enter(self) -> None:
        flags = torch.backends.cuda.matmul
        with self._changing:
            if self._wanted == 0:
                self._before = flags.allow_fp16_reduced_precision_reduction
                flags.allow_fp16_reduced_precision_reduction = False
            self._wanted += 1

    def leave(self) -> None:
        with self._changing:
            self._wanted -= 1
            if self._wanted == 0:
                torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = self._before


_FULL = _Full()
