"""The shortlist by NVIDIA's cuVS, where that is installed: its kernels never write a tile to memory.

cuVS gets the directions in half precision that our own shortlist is made of, and the same proof stands behind it. It
runs on NVIDIA cards only and is not among this package's extras, so no test here runs it; what it raises is told, and
our own shortlist is made instead.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from lookalike.core.metrics import Metric
from lookalike.index.gpu.base import TorchBase
from lookalike.index.gpu.halves import Halves
from lookalike.index.gpu.library import torch
from lookalike.index.gpu.shortlist import Shortlist


def is_of_use(base: TorchBase) -> bool:
    """Whether cuVS is installed and can rank these rows: by cosine, all of them kept on a card."""
    return (
        base.device.type == "cuda"
        and base.metric is Metric.COSINE
        and base.halves is not None
        and find_spec("cuvs") is not None
    )


def shortlist_of(rows: Halves, queries: Halves, *, most: int) -> Shortlist:
    """The `most` largest inner products of each query's direction.

    Raises:
        Exception: whatever cuVS raises.
    """
    brute_force = import_module("cuvs.neighbors.brute_force")
    built = brute_force.build(rows.units, metric="inner_product")
    ranks, places = brute_force.search(built, queries.units, most)
    device = rows.units.device
    return Shortlist(torch.as_tensor(ranks, device=device), torch.as_tensor(places, device=device).long())
