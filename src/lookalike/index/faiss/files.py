"""The files of an index: how they are written and read.

index.faiss          FAISS's own, where the index is trained (index-0000.faiss and so on of shards)
keys.npy             shape (N,), int64, by slot
rows.npy             shape (N, D), int16
scales.npy           shape (N,), float64
alive.npy            shape (N / 8,), uint8: a bit for each slot that was not removed or replaced
parameters.json      the rest
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lookalike.core.errors import SnapshotDamaged
from lookalike.index.faiss.columns import Column
from lookalike.index.faiss.comparing import Table
from lookalike.index.faiss.eligible import Present
from lookalike.index.faiss.factory import describe
from lookalike.index.faiss.opening import open_structure
from lookalike.index.faiss.recipes import OperatingPoint
from lookalike.index.faiss.structure import Structure
from lookalike.index.faiss.wear import Wear

_VERSION = 1
_PARAMETERS = "parameters.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What an index is beside its arrays.

    Attributes:
        dimension: D.
        factory: FAISS's description of the structure; empty while there is none.
        training: how many vectors it was trained on.
        residual: whether codes are of the difference to the centroid, also where FAISS by itself would not do so.
        order: in which dimensions are stored; None for that of the vectors.
        points: what was measured, from the cheapest to the dearest.
        recall: what a search wants that asks for none.
        rows_error: how far a direction that is stored lies from that of its vector, at most.
        wear: what came since.
    """

    dimension: int
    factory: str = ""
    training: int = 0
    residual: bool = False
    order: tuple[int, ...] | None = None
    points: tuple[OperatingPoint, ...] = ()
    recall: float = 0.99
    rows_error: float = 0.0
    wear: Wear = field(default_factory=Wear)

    def point(self, recall: float | None) -> OperatingPoint | None:
        """The cheapest point with a recall; None where none has it.

        Args:
            recall: None for that which is wanted where none is asked for, or else for the best that there is.
        """
        wanted = self.recall if recall is None else recall
        able = [point for point in self.points if point.recall >= wanted]
        if able:
            return able[0]
        return max(self.points, key=lambda point: point.recall, default=None) if recall is None else None


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What is saved and loaded."""

    parameters: Parameters
    table: Table
    present: Present
    structure: Structure | None


def save(stored: Stored, folder: Path) -> list[str]:
    """Write the files into a folder that is empty; their names. Nobody may change the index meanwhile."""
    end = stored.present.end
    for name, column in stored.table._asdict().items():
        column.save(folder / f"{name}.npy", end)
    np.save(folder / "alive.npy", stored.present.alive)
    (folder / _PARAMETERS).write_text(json.dumps(parameters_json(stored.parameters), indent=1), encoding="utf-8")
    names = [*(f"{name}.npy" for name in stored.table._fields), "alive.npy", _PARAMETERS]
    return names + (stored.structure.save(folder) if stored.structure else [])


def load(folder: Path, *, memory_map: bool) -> Stored:
    """Read the files, which were hashed before.

    Raises:
        SnapshotDamaged: when they are not what `save` writes, or do not fit each other.
    """
    try:
        parameters = parameters_of(json.loads((folder / _PARAMETERS).read_text("utf-8")))
        mode: Literal["r"] | None = "r" if memory_map else None
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode=mode, allow_pickle=False) for name in Table._fields}
        alive = np.load(folder / "alive.npy", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise SnapshotDamaged(f"the index in {folder} cannot be read: {error}") from error
    present = _present(arrays, alive, parameters.dimension)
    structure = None
    if parameters.factory:
        structure = open_structure(
            folder,
            shards=describe(parameters.factory).shards,
            dimension=parameters.dimension,
            count=present.end,
            memory_map=memory_map,
        )
    return Stored(parameters, Table(**{name: Column(array) for name, array in arrays.items()}), present, structure)


def parameters_json(parameters: Parameters) -> dict[str, Any]:
    """Parameters as plain data."""
    return {"version": _VERSION, **asdict(parameters)}


def parameters_of(content: dict[str, Any]) -> Parameters:
    """Parameters from plain data.

    Raises:
        ValueError, KeyError, TypeError: when it is something else.
    """
    content = dict(content)
    if content.pop("version") != _VERSION:
        raise ValueError(f"expected version {_VERSION} of its format")
    points = tuple(OperatingPoint(**point) for point in content.pop("points"))
    wear, order = Wear(**content.pop("wear")), content.pop("order")
    if order is not None and sorted(order) != list(range(content["dimension"])):
        raise ValueError("the order of dimensions is none")
    return Parameters(points=points, wear=wear, order=None if order is None else tuple(order), **content)


def _present(arrays: dict[str, Any], alive: Any, D: int) -> Present:
    """Check that arrays fit each other."""
    end = len(arrays["keys"]) if arrays["keys"].ndim else -1
    wanted = {"keys": (np.int64, (end,)), "rows": (np.int16, (end, D)), "scales": (np.float64, (end,))}
    for name, (dtype, shape) in wanted.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            raise SnapshotDamaged(
                f"expected {name} of {np.dtype(dtype)}{shape}, got {arrays[name].dtype}{arrays[name].shape}"
            )
    if alive.dtype != np.uint8 or alive.shape != ((end + 7) // 8,) or (end % 8 and alive[-1] >> end % 8):
        raise SnapshotDamaged(f"expected a bit for each of {end} slots, got {alive.dtype}{alive.shape}")
    keys = arrays["keys"][np.unpackbits(alive, count=end, bitorder="little").view(bool)]
    if (keys < 0).any() or not _different(keys):
        raise SnapshotDamaged("its keys must be from 0 on and all different, but one is below 0 or there twice")
    if not np.isfinite(arrays["scales"]).all():
        raise SnapshotDamaged("its scales must be finite, but one is not")
    return Present(end, alive, len(keys))


def _different(keys: Any) -> bool:
    return bool((np.diff(keys) > 0).all()) or len(np.unique(keys)) == len(keys)
