"""Bytes that nothing refers to any more: found, and swept where that is asked for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from lookalike.core.errors import LookalikeError
from lookalike.doctor.finding import Finding, fine, problem, warning
from lookalike.doctor.orphans import KEPT_S, check_undamaged, find_orphaned_objects, sweep_objects
from lookalike.doctor.patient import Patient
from lookalike.objects.base import Leftover, LeftoverKind
from lookalike.objects.durable import translating
from lookalike.storage.whole_file import half_written

CHECK = "leftovers"


def leftovers(patient: Patient) -> Iterator[Finding]:
    """Looks at objects, uploads, quarantine and kept models; what is on its way is none."""
    before = time.time() - KEPT_S
    found = [
        *find_orphaned_objects(patient.open_catalog(), patient.objects, before=before),
        *patient.objects.sweep(before, dry_run=True),
        *_half_written_models(patient, before=before),
        *(patient.uploads.sweep(patient.is_awaited, dry_run=True) if patient.uploads is not None else ()),
    ]
    if found:
        yield warning(CHECK, f"{_count(found)} that nothing refers to", "run `lookalike doctor --sweep`")
    else:
        yield fine(CHECK, "no bytes that nothing refers to")


def sweep(patient: Patient) -> list[Finding]:
    """Delete what `leftovers` finds; never what an upload under way waits for.

    Nothing is deleted while the catalog is damaged, for then it does not tell what is referred to.

    Returns:
        what was done, or why it could not be.
    """
    try:
        swept = _swept(patient)
    except LookalikeError as error:
        return [problem(CHECK, str(error), "mend what the message says, then run this again")]
    return [fine(CHECK, f"deleted: {_count(swept)}" if swept else "there was nothing to delete")]


def _swept(patient: Patient) -> list[Leftover]:
    catalog = patient.open_catalog()
    check_undamaged(catalog)
    before = time.time() - KEPT_S
    swept = sweep_objects(catalog, patient.objects, before=before)
    swept += _half_written_models(patient, before=before, delete=True)
    if patient.uploads is not None:
        swept += patient.uploads.sweep(patient.is_awaited)
    return swept


def _half_written_models(patient: Patient, *, before: float, delete: bool = False) -> list[Leftover]:
    if patient.models is None:
        return []
    with translating(patient.models):
        found = half_written(patient.models, before=before)
        for left in found if delete else []:
            left.path.unlink(missing_ok=True)
    return [Leftover(LeftoverKind.HALF_WRITTEN, left.path.name, left.size_bytes) for left in found]


def _count(found: Sequence[Leftover]) -> str:
    kinds = Counter(str(one.kind) for one in found)
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    size = sum(one.size_bytes for one in found)
    return f"{len(found)} {'file' if len(found) == 1 else 'files'} of {size:,} bytes ({named})"
