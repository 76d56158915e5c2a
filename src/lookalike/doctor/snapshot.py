"""The index on disk: is it whole, is it of this catalog, and does it hold what the catalog says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lookalike.catalog.base import Catalog, StoredVectors
from lookalike.catalog.feed_pages import pages_since
from lookalike.core.errors import SnapshotDamaged
from lookalike.doctor.elsewhere import elsewhere
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.patient import Patient
from lookalike.index.base import HoldsVectors, Index
from lookalike.index.snapshot import Snapshot, read_snapshot
from lookalike.view.as_searched import as_searched

FAR_BEHIND, SHARE_FAR_BEHIND = 10_000, 10
"""More changes than the first, and more than one for so many vectors: whoever searches or indexes saves long before."""

_TOLERANCE = 1e-4
_SAMPLED_OF_A_BATCH = 20
_NOTHING_LOST = "nothing is lost: it is made anew from the catalog at the next search, or now by --repair"
_SAVE = (
    "where pictures are being taken in, wait for the end; else look in the log for `the index was not saved`, mend "
    "what it says, such as a full disk or a folder that may not be written, and run `lookalike rebuild`"
)
_REPAIR = "run `lookalike doctor --repair`, which makes it anew from the catalog"


def snapshot(patient: Patient) -> Iterator[Finding]:
    """Everything about the index."""
    if patient.open_index is not None:
        yield from elsewhere(patient, patient.open_index)
        return
    if patient.snapshots is None:
        yield fine("snapshot", "the index lives in memory")
        return
    catalog = patient.open_catalog()
    try:
        found = read_snapshot(patient.snapshots, patient.engines)
    except SnapshotDamaged as error:
        if catalog.facts().images == 0:
            yield fine("snapshot", "nothing is indexed yet")
        else:
            yield warning("snapshot", error.reason, _NOTHING_LOST)
        return
    why = _misfit(found, patient, catalog)
    if why:
        yield warning("snapshot", why, _NOTHING_LOST)
        return
    changed = _changed_since(found, catalog)
    later = f", {len(changed)} changes behind the catalog (they are applied at opening)" if changed else ""
    what = f"whole: {found.manifest.count} vectors, {found.manifest.dimension} wide{later}"
    if len(changed) > max(FAR_BEHIND, found.manifest.count // SHARE_FAR_BEHIND):
        yield warning("snapshot", f"{what}; it was not saved for long", _SAVE)
    else:
        yield fine("snapshot", what)
    yield _compare(found, catalog, changed)


def _misfit(found: Snapshot, patient: Patient, catalog: Catalog) -> str:
    """Why a snapshot is not of this catalog; empty where it is."""
    manifest = found.manifest
    if manifest.model_id != catalog.model_id:
        return f"holds vectors of model {manifest.model_id[:12]}, the catalog is of {catalog.model_id[:12]}"
    if manifest.projected != patient.wish.projecting:
        return f"was made with projection {manifest.projected}, the setting is {patient.wish.projecting}"
    if manifest.wanted != patient.wish.engine:
        return f"was made with engine {manifest.wanted}, the setting is {patient.wish.engine}"
    if not catalog.follows(manifest.cursor):
        return "was made of another history of the catalog, as when that was put back from a copy"
    return ""


def _changed_since(found: Snapshot, catalog: Catalog) -> list[int]:
    """The keys of pictures that came, went or have another vector."""
    pages = pages_since(catalog, found.manifest.cursor)
    return sorted({change.key for page in pages for change in page.changes})


def _compare(found: Snapshot, catalog: Catalog, later: list[int]) -> Finding:
    """The vectors one by one against the catalog's; those that have changed since are left out."""
    if not isinstance(found.index, HoldsVectors):
        return _sample(found, found.index, catalog, later)
    keys, rows = found.index.stored_vectors()
    order = np.argsort(keys)
    keys, rows = keys[order], rows[order]
    same = 0
    for stored in catalog.all_vectors():
        stays = ~np.isin(stored.keys, later)
        wanted = stored.keys[stays]
        expected = as_searched(StoredVectors(wanted, stored.vectors[stays]), found.projection)
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        if not len(keys) or not np.array_equal(keys[at], wanted):
            return problem("snapshot", "lacks pictures that the catalog holds", _REPAIR)
        if np.abs(rows[at] - expected).max(initial=0.0) > _TOLERANCE:
            return problem("snapshot", "holds other vectors than the catalog", _REPAIR)
        same += len(wanted)
    if same != np.count_nonzero(~np.isin(keys, later)):
        return problem("snapshot", "holds pictures that the catalog does not", _REPAIR)
    return fine("snapshot", f"its {same} vectors are those of the catalog")


def _sample(found: Snapshot, index: Index, catalog: Catalog, later: list[int]) -> Finding:
    """Some of the catalog's vectors, each of which the index must hold under its key; and as many as the catalog."""
    gone = not later and len(index) != catalog.facts().images
    if gone:
        return problem("snapshot", f"holds {len(index)} pictures, the catalog {catalog.facts().images}", _REPAIR)
    looked_at = 0
    for stored in catalog.all_vectors():
        stays = np.flatnonzero(~np.isin(stored.keys, later))[:: max(1, len(stored.keys) // _SAMPLED_OF_A_BATCH)]
        some = StoredVectors(stored.keys[stays], stored.vectors[stays])
        for key, row in zip(some.keys, as_searched(some, found.projection), strict=True):
            if row.any() and index.search(row[None], 1, among=key[None]).similarities[0, 0] < 1 - _TOLERANCE:
                return problem("snapshot", "holds other vectors than the catalog", _REPAIR)
            looked_at += 1
    return fine("snapshot", f"{looked_at} of its {len(index)} vectors were compared: they are those of the catalog")
