"""The rows as they are kept for searches, and how the device's memory is shared out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lookalike.core.errors import BadInput
from lookalike.core.metrics import Metric
from lookalike.index.gpu.halves import Halves, halves
from lookalike.index.gpu.library import torch
from lookalike.index.gpu.source import DeviceSource, Source

_MOST_WORK = 2 << 30
_LEAST_WORK = 1 << 20
_HALVED = 40
"""Bytes per value that turning rows into halves takes, the rows with it."""
_RANKED = 16
"""Bytes per value of a tile of ranks."""
_MOST_QUERIES, _MOST_ROWS, _LEAST_ROWS = 8192, 65_536, 1024
_SAMPLE = 4096
_TOO_FAR = 2.0**100


@dataclass(frozen=True, slots=True)
class Room:
    """What may lie on the device.

    Attributes:
        work_bytes: for tiles and what is computed from them.
        keeps_halves: whether all rows stay there in half precision.
        keeps_rows: whether they stay there in float32 too.
    """

    work_bytes: int
    keeps_halves: bool
    keeps_rows: bool

    @classmethod
    def within(cls, memory_bytes: int, N: int, D: int) -> Room:
        """Share out a budget for a base of N rows of D.

        Raises:
            BadInput: when it is too small for any; names the least.
        """
        least = max(_LEAST_WORK, 64 * _HALVED * D)
        if memory_bytes < least:
            raise BadInput(
                f"expected a memory budget of at least {least} bytes, got {memory_bytes}"
                "; raise it, or search for fewer at a time"
            )
        halves_bytes, rows_bytes = N * (2 * D + 12), N * 4 * D
        wanted = max(least, min(_MOST_WORK, memory_bytes // 4))
        keeps_halves = memory_bytes - halves_bytes >= wanted
        keeps_rows = keeps_halves and memory_bytes - halves_bytes - rows_bytes >= wanted
        kept = keeps_halves * halves_bytes + keeps_rows * rows_bytes
        return cls(min(_MOST_WORK, memory_bytes - kept), keeps_halves, keeps_rows)

    def halve(self) -> Room | None:
        """Half of the work, and fewer things kept; None where less is of no use."""
        if self.work_bytes // 2 < _LEAST_WORK:
            return None
        return replace(
            self,
            work_bytes=self.work_bytes // 2,
            keeps_halves=self.keeps_halves and self.keeps_rows,
            keeps_rows=False,
        )

    def block_rows(self, D: int) -> int:
        """How many rows are turned into halves, or compared exactly, at once."""
        return max(1, self.work_bytes // (_HALVED * max(1, D)))

    def group_queries(self, D: int, shortlist: int) -> int:
        """How many queries are on the device at once."""
        return max(1, self.work_bytes // (_HALVED * max(1, D) + 48 * shortlist))

    def tile(self, Q: int, N: int, D: int, shortlist: int, *, streamed: bool) -> tuple[int, int]:
        """How many queries and rows are compared in half precision at once."""
        rows = max(1, min(N, _MOST_ROWS, self.block_rows(D) if streamed else N))

        def queries() -> int:
            return max(1, self.work_bytes // (_RANKED * rows + 1024 * shortlist))

        while rows > _LEAST_ROWS and queries() < min(Q, _LEAST_ROWS):
            rows //= 2
        tiles = -(-Q // min(queries(), _MOST_QUERIES))
        return -(-Q // max(1, tiles)), rows


class TorchBase:
    """Rows ready to be searched. They are not to be changed.

    Args:
        source: where they come from.
        metric: how near two vectors are.
        device: where they are compared.
        room: what may lie there.
    Raises:
        BadVectors: when a value is not finite, as far as rows are read already.
        torch.OutOfMemoryError: when the device's memory runs out.
    """

    def __init__(self, source: Source, *, metric: Metric, device: torch.device, room: Room) -> None:
        self.source = source
        self.metric = metric
        self.device = device
        self.room = room
        self.centre = None if metric is Metric.COSINE else _centre(source, device)
        self._halves = self._get_halves() if room.keeps_halves else None

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self.source.shape

    @property
    def centre_of_queries(self) -> torch.Tensor | None:
        """From where queries are seen: q·x and q·(x - centre) differ by the same for all x; |q - x| moves both."""
        return self.centre if self.metric is Metric.L2 else None

    @property
    def halves(self) -> Halves | None:
        """All rows, where they are kept."""
        return self._halves

    def tiles(self, rows: int) -> Iterator[tuple[int, Halves]]:
        """All rows in half precision, so many at once, each with the number of its first."""
        N, _ = self.shape
        for start in range(0, N, rows):
            end = min(N, start + rows)
            if self._halves is not None:
                yield start, self._halves.part(start, end)
            else:
                yield start, halves(self.source.block(start, end), self.centre)

    def _get_halves(self) -> Halves:
        N, D = self.shape
        kept = Halves(
            torch.empty((N, D), dtype=torch.float16, device=self.device),
            torch.empty(N, dtype=torch.float32, device=self.device),
            torch.empty(N, dtype=torch.float64, device=self.device),
        )
        keeps_rows = self.room.keeps_rows and not isinstance(self.source, DeviceSource)
        rows = torch.empty((N if keeps_rows else 0, D), dtype=torch.float32, device=self.device)
        step = self.room.block_rows(D)
        for start in range(0, N, step):
            end = min(N, start + step)
            block = self.source.block(start, end)
            if keeps_rows:
                rows[start:end] = block
            some = halves(block, self.centre)
            kept.units[start:end], kept.residuals[start:end] = some.units, some.residuals
            kept.lengths[start:end] = some.lengths
        if keeps_rows:
            self.source = DeviceSource(rows)
        return kept


def _centre(source: Source, device: torch.device) -> torch.Tensor | None:
    """About the mean of the rows: seen from there they are short, and so are the bounds. None where it is no help."""
    N, _ = source.shape
    if N == 0:
        return None
    places = torch.linspace(0, N - 1, min(N, _SAMPLE), dtype=torch.float64, device=device).long()
    centre = source.take(places).double().mean(dim=0).float()
    return centre if bool((centre.abs() < _TOO_FAR).all()) else None
