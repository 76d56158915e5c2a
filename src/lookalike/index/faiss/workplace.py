"""What a long build keeps on disk, so that a killed one goes on where it was.

    state.json        what is being built, and how much of it is done
    codes-<n>/        the structure with the first n vectors in it, 0 after training; older ones are deleted
    keys.bin rows.bin scales.bin    what is stored of each vector, in order; what lies behind n is not believed

A file is named in `state.json` only once it is durable, and `state.json` is replaced as a whole.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import StorageFailed
from lookalike.core.vectors import Keys
from lookalike.index.faiss.columns import Column, Quantised
from lookalike.index.faiss.comparing import Table
from lookalike.index.faiss.opening import open_structure
from lookalike.index.faiss.structure import Structure
from lookalike.storage.private import FOLDER, make_private
from lookalike.storage.syncing import sync
from lookalike.storage.whole_file import write_whole

_STATE = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a build has come.

    Attributes:
        subject: what is being built of what: another subject begins from the beginning.
        parameters: what the engine needs to know of the training; empty before it.
        done: how many vectors are in the structure that is kept.
        rows_error: as in `Parameters`, of those.
    """

    subject: str
    parameters: dict[str, Any]
    done: int = 0
    rows_error: float = 0.0


class Workplace:
    """A folder of its own; everything that was in it of another subject is deleted.

    Args:
        folder: made if it is missing.
        subject: names what is built; must be another one for other vectors or another way of building.
        dimension: D.
    Raises:
        StorageFailed: when it cannot be written.
    """

    def __init__(self, folder: Path, *, subject: str, dimension: int) -> None:
        self._folder = folder
        self._dimension = dimension
        state = _read(folder / _STATE)
        if state is None or state.subject != subject:
            shutil.rmtree(folder, ignore_errors=True)
            state = State(subject=subject, parameters={})
        self.state = state
        try:
            make_private(folder, within=folder.parent.parent)
        except OSError as error:
            raise StorageFailed(
                f"the index cannot be built in {folder}: {error.strerror or error}"
                "; make room there, or repair its permissions"
            ) from error

    def keep_training(self, structure: Structure, parameters: dict[str, Any]) -> None:
        """Note a trained structure."""
        self._save(structure, 0)
        self._note(replace(self.state, parameters=parameters))

    def structure(self, *, shards: int) -> Structure:
        """The structure with the vectors that are done; freshly trained where none is."""
        done = self.state.done
        return open_structure(self._codes(done), shards=shards, dimension=self._dimension, count=done, memory_map=False)

    def append(self, keys: Keys, stored: Quantised, *, first: int) -> None:
        """Write what is stored of the vectors from number `first` on.

        Args:
            keys: shape (n,), int64.
            stored: n rows and what belongs to them.
            first: the number of the first of them.
        """
        values: list[tuple[str, NDArray[Any]]] = [
            ("keys", keys.astype(np.int64)),
            ("rows", stored.rows),
            ("scales", stored.scales),
        ]
        for name, array in values:
            path = self._folder / f"{name}.bin"
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.seek(first * (array.nbytes // len(array)))
                array.tofile(file)
                file.truncate()

    def keep(self, structure: Structure, *, done: int, rows_error: float) -> None:
        """Note that the first `done` vectors are in the structure and their rows are written."""
        for name in ("keys", "rows", "scales"):
            sync(self._folder / f"{name}.bin")
        before = self.state.done
        self._save(structure, done)
        self._note(replace(self.state, done=done, rows_error=rows_error))
        if before != done:
            shutil.rmtree(self._codes(before), ignore_errors=True)

    def table(self) -> Table:
        """All that is done, mapped into memory."""
        n, D = self.state.done, self._dimension
        return Table(
            Column(np.memmap(self._folder / "keys.bin", np.int64, "r", shape=(n,))),
            Column(np.memmap(self._folder / "rows.bin", np.int16, "r", shape=(n, D))),
            Column(np.memmap(self._folder / "scales.bin", np.float64, "r", shape=(n,))),
        )

    def _save(self, structure: Structure, done: int) -> None:
        place = self._codes(done)
        shutil.rmtree(place, ignore_errors=True)  # of a run that was killed before it could note it
        place.mkdir(mode=FOLDER)
        for name in structure.save(place):
            sync(place / name)

    def _codes(self, done: int) -> Path:
        return self._folder / f"codes-{done}"

    def _note(self, state: State) -> None:
        write_whole(self._folder / _STATE, json.dumps(asdict(state)).encode())
        self.state = state


def _read(path: Path) -> State | None:
    """None where there is none, or not a whole one."""
    try:
        return State(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
