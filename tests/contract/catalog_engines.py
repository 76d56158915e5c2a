"""The engines that the contract of a catalog is held to, each ready to be opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from tests.collections import open_catalog
from tests.remote.catalog import RemoteCatalog
from tests.remote.line import Fault, Line
from tests.servers.postgres import new_postgres_catalog

ENGINES: Final = ("sqlite", "memory", "remote", "lossy", "postgres")
"""`remote` has many writers and takes its time; `lossy` also loses its connection, where it can ask again."""

_UNNOTICED: Final = {"in a block": (), "commit": (Fault.LOST_ANSWER,)}  # what else is lost, only who writes can mend


def new_catalog(engine: str, path: Path, **options: Any) -> Catalog:
    """A catalog of that engine.

    Args:
        engine: one of `ENGINES`.
        path: for those that have a file.
        options: of the engine, such as `clock`.
    """
    if engine == "sqlite":
        return open_catalog(path, **options)
    if engine == "memory":
        return MemoryCatalog(**options)
    if engine == "postgres":
        return new_postgres_catalog(**options)
    chance = 0.1 if engine == "lossy" else 0.0
    return RemoteCatalog(line=Line(latency_s=0.0002, chance=chance, possible=_UNNOTICED), **options)
