"""Which of our structures an index of FAISS is, and reading one from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lookalike.core.errors import SnapshotDamaged
from lookalike.index.faiss.factory import together
from lookalike.index.faiss.library import faiss, translating
from lookalike.index.faiss.lists import Lists
from lookalike.index.faiss.structure import Structure
from lookalike.index.faiss.whole import Shards, Whole, shard_names


def structure_of(native: Any, *, mapped: bool = False) -> Structure:
    """Wrap an index of FAISS."""
    if isinstance(native, faiss().IndexShards):
        return Shards(native, mapped=mapped)
    if faiss().try_extract_index_ivf(native) is not None:
        return Lists(native, mapped=mapped)
    return Whole(native, mapped=mapped)


def open_structure(folder: Path, *, shards: int, dimension: int, count: int, memory_map: bool) -> Structure:
    """Read a structure as `Structure.save` wrote it.

    Where FAISS can, its files are mapped into memory; 4-bit codes, for one, are always read.

    Raises:
        SnapshotDamaged: when FAISS cannot read it, or it is not one of `count` vectors of that dimension.
    """
    with translating(SnapshotDamaged, f"expected an index of FAISS in {folder}"):
        flags = faiss().IO_FLAG_MMAP_IFC if memory_map and shards == 1 else 0  # shards cannot be copied as a whole
        parts = [faiss().read_index(str(folder / name), flags) for name in shard_names(shards)]
        for part in parts:
            if part.d != dimension or part.metric_type != faiss().METRIC_INNER_PRODUCT or not part.is_trained:
                raise ValueError(f"it holds vectors of {part.d} dimensions, metric {part.metric_type}")
        structure = structure_of(parts[0] if shards == 1 else together(parts), mapped=bool(flags))
        if structure.count != count or not structure.holds_each_once():
            raise ValueError(f"it holds {structure.count} vectors, not each of {count} once")
    return structure
