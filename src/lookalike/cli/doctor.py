"""`lookalike doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.session import Session, command
from lookalike.core.errors import CatalogDamaged, CollectionError
from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.doctor import Finding


@command("doctor")
@click.option("--repair", is_flag=True, help="First make anew what can be: the model's file and the index.")
@click.option("--sweep", is_flag=True, help="First delete bytes that nothing has referred to for a day.")
@click.option("--home", metavar="FOLDER", help="The service's own files, which tell which uploads are under way.")
def doctor_command(session: Session, *, repair: bool, sweep: bool, home: str | None) -> int:
    """Examine a collection and say what to do.

    Also the model, the installed libraries and the disk. The exit code is 0 where there is no problem, 1 where
    there is one, 65 where the catalog itself is damaged.
    """
    from lookalike import doctor
    from lookalike.assembly.patient import open_patient

    with open_patient(
        session.collection,
        model=session.model,
        projection=session.projection,
        engine=session.engine,
        recall=session.recall,
        memory=session.memory,
        home=home,
    ) as patient:
        repaired = doctor.repair(patient) if repair else []
        swept = doctor.sweep(patient) if sweep else []
        findings = doctor.examine(patient)
    if session.as_json:
        report = {"findings": [asdict(finding) for finding in findings]}
        if repair:
            report["repaired"] = [asdict(finding) for finding in repaired]
        if sweep:
            report["swept"] = [asdict(finding) for finding in swept]
        session.write_json(report)
    else:
        session.write("".join(_line(f"repair: {finding.check}", finding) for finding in repaired))
        session.write("".join(_line(f"sweep: {finding.check}", finding) for finding in swept))
        session.write("".join(_line(finding.check, finding) for finding in findings))
    return _exit_code(findings)


def _line(check: str, finding: Finding) -> str:
    advice = f"\n{'':9}-> {safe(finding.advice)}" if finding.advice else ""
    return f"{finding.status:<9}{check}: {safe(finding.what)}{advice}\n"


def _exit_code(findings: Sequence[Finding]) -> int:
    problems = {finding.check for finding in findings if finding.status == "problem"}
    if "catalog" in problems:
        return CatalogDamaged.exit_code
    return CollectionError.exit_code if problems else 0
