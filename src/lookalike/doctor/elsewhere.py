"""The index in a vector database: does it answer, is it of this catalog, how far is it behind, what does it find."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lookalike.catalog.base import Catalog
from lookalike.catalog.feed_pages import pages_since
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.patient import Patient
from lookalike.index.remote import RemoteIndex, RemoteVersion
from lookalike.view.comparing import compare
from lookalike.view.projections import projection_of

CHECK = "elsewhere"

_FEED = (
    "keep the collection open with upkeep, or run `lookalike worker` for a service's: whoever does brings it up to date"
)
_REBUILD = "run `lookalike rebuild`, which makes it anew from the catalog beside the old one"


def elsewhere(patient: Patient, open_index: Callable[[], RemoteIndex]) -> Iterator[Finding]:
    """Everything about it."""
    catalog, index = patient.open_catalog(), open_index()
    try:
        serving = index.serving()
        if serving is None and not catalog.facts().images:
            yield fine(CHECK, f"{index.engine}: nothing is indexed yet")
        elif serving is None:
            yield warning(CHECK, f"{index.engine}: no version can be searched yet: the catalog is compared", _FEED)
        elif not catalog.follows(serving.applied):
            what = f"{index.engine}: version {serving.name} is of another history of the catalog, which is compared"
            yield warning(CHECK, what, _FEED)
        else:
            yield from _version(index, serving, catalog, recall=patient.wish.recall)
    finally:
        index.let_go()


def _version(index: RemoteIndex, serving: RemoteVersion, catalog: Catalog, *, recall: float) -> Iterator[Finding]:
    behind = len({change.key for page in pages_since(catalog, serving.applied) for change in page.changes})
    said = f"{index.engine}: version {serving.name}, {serving.count} vectors, {serving.dimension} wide"
    if behind:
        yield warning(CHECK, f"{said}, {behind} changed pictures behind the catalog, which searches compare", _FEED)
    else:
        yield fine(CHECK, f"{said}, up to date")
    images = catalog.facts().images
    if not behind and serving.count != images:
        yield problem(CHECK, f"holds {serving.count} pictures, the catalog {images}", _REBUILD)
        return
    stored = catalog.projection(serving.projection_version) if serving.projection_version else None
    if serving.projection_version and stored is None:
        yield warning(CHECK, f"its projection {serving.projection_version} is no longer kept", _FEED)
        return
    compared = compare(index.at(serving.name), catalog, None if stored is None else projection_of(stored))
    found = f"finds {compared.recall:.3f} of the nearest of {compared.samples} pictures that were compared"
    if compared.most < recall and not behind:
        yield problem(CHECK, f"{found}; {recall:g} are wanted", _REBUILD)
    else:
        yield fine(CHECK, found)
