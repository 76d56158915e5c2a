"""Where the rows lie: on the device, in the host's memory or behind a memory map; and how they come to the device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadVectors
from lookalike.index.gpu.library import torch


class Source(Protocol):
    """Rows of float32, by number."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        ...

    def block(self, start: int, end: int) -> torch.Tensor:
        """Some rows that follow each other: shape (end - start, D), float32, on the device."""
        ...

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """Any rows: shape (len(rows), D), float32, on the device.

        Args:
            rows: shape (n,), int64, on the device.
        """
        ...

    def on_host(self) -> NDArray[np.generic]:
        """All rows as an array: shape (N, D), of their dtype."""
        ...


def send(rows: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """A copy of some rows on a device, through pinned memory: shape (n, D), float32.

    Args:
        rows: shape (n, D), any real dtype.
        device: where to.
    """
    pinned = torch.empty(rows.shape, dtype=torch.float32, pin_memory=device.type == "cuda")
    with np.errstate(over="ignore"):
        np.copyto(pinned.numpy(), rows, casting="unsafe")
    return pinned.to(device, non_blocking=True)


class HostSource:
    """Rows of any real dtype in the host's memory. What is read is checked; blocks travel through pinned memory.

    Args:
        rows: shape (N, D), any real dtype.
        device: where they are wanted.
    """

    def __init__(self, rows: NDArray[np.generic], device: torch.device) -> None:
        self._rows = rows
        self._device = device

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self._rows.shape[0], self._rows.shape[1]

    def block(self, start: int, end: int) -> torch.Tensor:
        """See `Source`.

        Raises:
            BadVectors: when a value is not a finite number in float32; names the row.
        """
        block = send(self._rows[start:end], self._device)
        finite = torch.isfinite(block).all(dim=1)
        if not bool(finite.all()):
            row = start + int(torch.nonzero(~finite)[0])
            raise BadVectors(
                f"base: expected finite numbers, but row {row} holds NaN, an infinity or a value too large for float32"
                "; leave that row out, or scale the vectors"
            )
        return block

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Source`. Costs a read of each row from where it lies."""
        wanted, places = torch.unique(rows, return_inverse=True)
        return send(self._rows[wanted.cpu().numpy()], self._device)[places]

    def on_host(self) -> NDArray[np.generic]:
        """All rows; see `Source`: shape (N, D), of their dtype, no copy."""
        return self._rows


class DeviceSource:
    """Rows that lie on the device already: shape (N, D), float32, finite."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self._rows.shape[0], self._rows.shape[1]

    def block(self, start: int, end: int) -> torch.Tensor:
        """See `Source`; a view."""
        return self._rows[start:end]

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Source`."""
        return self._rows.index_select(0, rows)

    def on_host(self) -> NDArray[np.generic]:
        """All rows; see `Source`: shape (N, D), of their dtype, a copy."""
        copied: NDArray[np.generic] = self._rows.cpu().numpy()
        return copied
