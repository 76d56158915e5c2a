"""Examine: one check after the other, none of which needs another to come out well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lookalike.core.errors import FormatTooNew, LookalikeError
from lookalike.core.installing import upgrade_advice
from lookalike.doctor import contents, environment, leftovers, model, privacy, snapshot
from lookalike.doctor.finding import Finding, problem
from lookalike.doctor.patient import Patient

CHECKS: dict[str, Callable[[Patient], Iterator[Finding]]] = {
    "environment": environment.environment,
    "disk": environment.disk,
    "lock": environment.lock,
    "model": model.model,
    "privacy": privacy.privacy,  # after the model, which imports what may phone
    "catalog": contents.catalog,
    "objects": contents.objects,
    "leftovers": leftovers.leftovers,
    "snapshot": snapshot.snapshot,
    "files": contents.files,
}
"""By name, in the order in which they are made."""

_AFTER_THE_CATALOG = "see what is said of the catalog, then run this again"


def examine(patient: Patient, *, progress: Callable[[str], None] | None = None) -> list[Finding]:
    """Look at everything and change nothing. Reads the whole catalog, every kept picture and the index.

    Args:
        patient: the parts of the collection; none of them has to be in order.
        progress: told the name of each check before it is made.
    Returns:
        what was found, in the order of `CHECKS`.
    """
    found: list[Finding] = []
    for name, check in CHECKS.items():
        if progress is not None:
            progress(name)
        try:
            found.extend(check(patient))  # what was found before an error stays
        except LookalikeError as error:
            found.append(problem(name, str(error), _advice(name, error)))
    return found


def _advice(name: str, error: LookalikeError) -> str:
    if name != "catalog" and error.code == "catalog_damaged":
        return _AFTER_THE_CATALOG
    if isinstance(error, FormatTooNew):
        return upgrade_advice()
    return _BY_CODE.get(error.code, "mend what the message says, then run this again")


_BY_CODE = {
    "no_collection": "make one with `lookalike index FOLDER`",
    "locked": "wait until the other process is done, then run this again",
    "storage_failed": "look at the disk and the permissions of the collection's folder",
    "wrong_model": "name the collection's own model with --model",
}
