"""Neighbours, and how they are kept: a table with one line for each query and rank."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput, MissingExtra, StorageFailed
from lookalike.core.metrics import Metric
from lookalike.pipelines.knn_compare import Comparison
from lookalike.pipelines.knn_parquet import parquet_library

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".parquet", ".csv")
_QUERIES_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KnnResult:
    """The nearest rows of each query.

    Attributes:
        rows: shape (Q, k), int64: numbers of rows of the base, best first, ties to the smaller; padded with -1.
        values: shape (Q, k), float32: similarities, padded with -inf, or L2 distances, padded with +inf; computed in
            float64.
        metric: how near two vectors are.
        device: what compared them, `cpu` or `cuda`.
        seconds: that the search took, reading memory-mapped files included, Parquet not.
        proven: share of the queries that the first shortlist was proven to answer; the others were looked at again.
        notes: what went otherwise than one might expect, a line each.
        comparison: with another library, where one was asked for.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    metric: Metric
    device: str
    seconds: float
    proven: float
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None

    @property
    def measure(self) -> str:
        """What the values are: `similarity` or `distance`."""
        return "similarity" if self.metric.higher_is_closer else "distance"

    def columns(self, start: int = 0, end: int | None = None) -> dict[str, NDArray[np.generic]]:
        """As a table: `query`, `rank` (from 1), `row` and `similarity` or `distance`; no lines for padding.

        Args:
            start: the first query.
            end: the query before which to end; None for all.
        """
        rows = self.rows[start:end]
        queries, ranks = np.nonzero(rows >= 0)
        return {
            "query": queries + start,
            "rank": ranks + 1,
            "row": rows[queries, ranks],
            self.measure: self.values[start:end][queries, ranks],
        }

    def to_pandas(self) -> pd.DataFrame:
        """The table of `columns`.

        Raises:
            MissingExtra: when pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", extra="pandas", purpose="turning neighbours into a table") from error
        return pd.DataFrame(self.columns())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table of `columns`; the file appears when it is whole, and replaces one of that name.

        Args:
            path: ends in `.parquet` or `.csv`.
        Returns:
            the path.
        Raises:
            BadInput: when it ends in something else.
            MissingExtra: when it is Parquet and pyarrow is not installed.
            StorageFailed: when it cannot be written.
        """
        target = Path(path)
        check_output(target)
        with _replacing(target) as part:
            (self._write_parquet if target.suffix.lower() == ".parquet" else self._write_csv)(part)
        return target

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """As `save`, into Parquet whatever the path ends in."""
        parquet_library()
        with _replacing(Path(path)) as part:
            self._write_parquet(part)
        return Path(path)

    def _parts(self) -> Iterator[dict[str, NDArray[np.generic]]]:
        for start in range(0, max(1, len(self.rows)), _QUERIES_AT_ONCE):
            yield self.columns(start, start + _QUERIES_AT_ONCE)

    def _write_parquet(self, path: Path) -> None:
        pa = parquet_library()
        fields = [("query", pa.int64()), ("rank", pa.int32()), ("row", pa.int64()), (self.measure, pa.float32())]
        schema = pa.schema(fields, metadata={"metric": str(self.metric)})
        with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in self._parts():
                writer.write_table(pa.table({name: part[name] for name in schema.names}).cast(schema))

    def _write_csv(self, path: Path) -> None:
        with path.open("w", encoding="ascii", newline="") as file:
            file.write(f"query,rank,row,{self.measure}\n")
            for part in self._parts():
                lines: Any = zip(*(column.tolist() for column in part.values()), strict=True)
                file.writelines(f"{query},{rank},{row},{value:.9g}\n" for query, rank, row, value in lines)


def check_output(path: Path) -> None:
    """Refuse, before anything is computed, a file that could not be written in the end.

    Raises:
        BadInput, MissingExtra: as `KnnResult.save`.
        StorageFailed: when its folder is not there.
    """
    if path.suffix.lower() not in ENDINGS:
        raise BadInput(f"expected a file that ends in {' or '.join(ENDINGS)}, got {path}")
    if path.suffix.lower() == ".parquet":
        parquet_library()
    if not path.parent.is_dir():
        raise StorageFailed(f"{path}: cannot be written: there is no folder {path.parent}")
    if path.is_dir():
        raise StorageFailed(f"{path}: cannot be written: it is a folder")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when the block ends, and is deleted when it raises."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # on a read-only disk, where it was never made
            part.unlink(missing_ok=True)
