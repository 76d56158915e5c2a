"""Neighbours, and how they are kept: a table with one line for each query and rank."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.arguments import checks_arguments
from lookalike.core.errors import needing
from lookalike.core.metrics import Metric
from lookalike.core.paths import absolute
from lookalike.neighbours.compare import Comparison
from lookalike.neighbours.parquet import parquet_library
from lookalike.storage.output_file import OutputKind, Precious, check_output, inputs_are_precious, replacing

if TYPE_CHECKING:
    import pandas as pd

_MARK = "lookalike.neighbours"
NEIGHBOURS = OutputKind("a table of neighbours", (".parquet", ".csv"), (_MARK.encode(), b"query,rank,row,"))
"""Parquet carries the mark among the notes about the file, CSV begins with its columns."""

_QUERIES_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class KnnResult:
    """The nearest rows of each query.

    Attributes:
        rows: shape (Q, k), int64: numbers of rows of the base, best first, ties to the smaller; padded with -1.
        values: shape (Q, k): similarities, padded with -inf, or L2 distances, padded with +inf; computed in float64,
            and rounded to float32 where all vectors are of float32 or narrower types.
        metric: how near two vectors are.
        device: what compared them, `cpu` or `cuda`.
        seconds: that the search took, reading memory-mapped files included, Parquet not.
        proven: share of the queries that the first shortlist was proven to answer; the others were looked at again.
        notes: what went otherwise than one might expect, a line each.
        comparison: with another library, where one was asked for.
        searched: the files that were searched, which no table may replace.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.floating]
    metric: Metric
    device: str
    seconds: float
    proven: float
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None
    searched: tuple[str, ...] = ()

    def __repr__(self) -> str:
        Q, k = self.rows.shape
        notes = f", {len(self.notes)} notes" if self.notes else ""
        return f"<KnnResult of {Q:,} queries: {k:,} neighbours each by {self.metric} on {self.device}{notes}>"

    @property
    def measure(self) -> str:
        """What the values are: `similarity` or `distance`."""
        return "similarity" if self.metric.higher_is_closer else "distance"

    @checks_arguments()
    def columns(self, start: int = 0, end: int | None = None) -> dict[str, NDArray[np.generic]]:
        """As a table: `query`, `rank` (from 1), `row` and `similarity` or `distance`; no lines for padding.

        Each column is of shape (L,), L lines; the first three are int64, the last float32 or float64.

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
        with needing("pandas", extra="pandas", purpose="turning neighbours into a table"):
            import pandas as pd
        return pd.DataFrame(self.columns())

    @checks_arguments()
    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the table of `columns`; it appears when it is whole, and replaces an earlier one of that name.

        Args:
            path: ends in `.parquet` or `.csv`.
            force: replace whatever file is there, also one that was searched.
        Returns:
            the path.
        Raises:
            BadInput: when it ends in something else.
            WouldOverwrite: when something else is there.
            MissingExtra: when it is Parquet and pyarrow is not installed.
            StorageFailed: when it cannot be written.
        """
        target = Path(absolute(path))
        check_neighbours_file(target, searched=self.searched, force=force)
        with replacing(target, kind=NEIGHBOURS, precious=_is_searched(self.searched), force=force) as part:
            (self._write_parquet if target.suffix.lower() == ".parquet" else self._write_csv)(part)
        return target

    @checks_arguments()
    def to_parquet(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """As `save`, into Parquet whatever the path ends in."""
        parquet_library()
        kind = replace(NEIGHBOURS, endings=(Path(absolute(path)).suffix.lower(),))
        with replacing(path, kind=kind, precious=_is_searched(self.searched), force=force) as part:
            self._write_parquet(part)
        return Path(absolute(path))

    def _parts(self) -> Iterator[dict[str, NDArray[np.generic]]]:
        for start in range(0, max(1, len(self.rows)), _QUERIES_AT_ONCE):
            yield self.columns(start, start + _QUERIES_AT_ONCE)

    def _write_parquet(self, path: Path) -> None:
        pa = parquet_library()
        fields = [
            ("query", pa.int64()),
            ("rank", pa.int32()),
            ("row", pa.int64()),
            (self.measure, pa.from_numpy_dtype(self.values.dtype)),
        ]
        schema = pa.schema(fields, metadata={_MARK: "1", "metric": str(self.metric)})
        with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in self._parts():
                writer.write_table(pa.table({name: part[name] for name in schema.names}).cast(schema))

    def _write_csv(self, path: Path) -> None:
        with path.open("w", encoding="ascii", newline="") as file:
            file.write(f"query,rank,row,{self.measure}\n")
            digits = 9 if self.values.dtype == np.float32 else 17
            for part in self._parts():
                lines: Any = zip(*(column.tolist() for column in part.values()), strict=True)
                file.writelines(f"{query},{rank},{row},{value:.{digits}g}\n" for query, rank, row, value in lines)


def check_neighbours_file(path: str | os.PathLike[str], *, searched: Iterable[str] = (), force: bool = False) -> None:
    """Refuse, before anything is computed, a file that could not or must not be written in the end.

    Raises:
        BadInput, WouldOverwrite, MissingExtra, StorageFailed: as `KnnResult.save`.
    """
    if check_output(path, kind=NEIGHBOURS, precious=_is_searched(searched), force=force).suffix.lower() == ".parquet":
        parquet_library()


def _is_searched(paths: Iterable[str]) -> Precious:
    return inputs_are_precious(paths, what="a file that is searched")
