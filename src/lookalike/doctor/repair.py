"""Repair: make anew what can be made anew. What only the owner can put back is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lookalike.core.errors import CatalogDamaged, LookalikeError
from lookalike.doctor.contents import how_to_save_a_catalog
from lookalike.doctor.finding import Finding, fine, problem
from lookalike.doctor.patient import Patient
from lookalike.view.local_view import LocalView


def repair(patient: Patient, *, progress: Callable[[str], None] | None = None) -> list[Finding]:
    """Make the model's file and the index anew. Nothing else is changed, and nothing that the catalog holds.

    Args:
        patient: the parts of the collection.
        progress: told the name of each part before it is looked at.
    Returns:
        what was done, and what could not be and why; `examine` afterwards says how things are then.
    """
    done: list[Finding] = []
    for name, mend in (("model", _model), ("snapshot", _snapshot)):
        if progress is not None:
            progress(name)
        try:
            done.extend(mend(patient))
        except CatalogDamaged as error:
            done.append(problem("catalog", str(error), how_to_save_a_catalog(patient)))
        except LookalikeError as error:
            done.append(problem(name, str(error), "mend what the message says, then run this again"))
    return done


def _model(patient: Patient) -> Iterator[Finding]:
    card = patient.open_embedder().card  # made anew where its file is missing or damaged
    yield fine("model", f"{card.name} {card.precision} is there and opens")


def _snapshot(patient: Patient) -> Iterator[Finding]:
    if patient.snapshots is None:
        return
    catalog = patient.open_catalog()
    damage = catalog.check()
    if damage:
        raise CatalogDamaged(
            f"the index is made only of a whole catalog, but this one is damaged: {damage[0]}; restore the "
            "collection from a backup first"
        )
    view = LocalView(catalog, patient.snapshots, engines=patient.engines, wish=patient.wish)
    view.rebuild()
    manifest = view.save()  # which deletes the one before
    yield fine("snapshot", f"made anew: {manifest.count if manifest else 0} vectors")
