"""`lookalike info`: figures about a collection."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from lookalike.cli.session import Session, command
from lookalike.presentation.table import facts_text
from lookalike.presentation.text import human_count, human_size, safe

if TYPE_CHECKING:
    from lookalike.core.records import Json
    from lookalike.parts.collection_info import CollectionInfo
    from lookalike.storage.cache import CacheFacts
    from lookalike.view.facts import IndexFacts, VersionFacts
    from lookalike.view.recall_gauge import RecallFacts


@command("info")
def info_command(session: Session) -> None:
    """Tell what a collection holds."""
    with session.open() as collection:
        info = collection.info()
    if session.as_json:
        session.write_json({**asdict(info), "path": str(info.path)})
    else:
        write_facts(_facts(info), session)


def write_facts(facts: Mapping[str, str], session: Session) -> None:
    """Facts for people, each with its name."""
    session.write(facts_text(facts, terminal=sys.stdout.isatty(), width=shutil.get_terminal_size().columns))


def index_facts(index: IndexFacts) -> dict[str, str]:
    """What an index is, for people."""
    learnt_from = index.projection_learnt_from
    facts = {
        "index": f"{index.engine}, {index.count:,} pictures, {index.dimension} dimensions",
        "projection": f"learnt from {learnt_from:,} pictures" if learnt_from else "none: raw vectors are compared",
        "recall": "1: all pictures are compared" if index.recall >= 1 else f"{index.recall:.4f}, measured when made",
    }
    simple = {name: value for name, value in index.parameters.items() if not isinstance(value, list | dict)}
    if simple:
        facts["parameters"] = ", ".join(f"{name} {_short(value)}" for name, value in simple.items())
    if index.gauge is not None:
        facts["gauge"] = _gauge(index.gauge)
    if index.elsewhere is not None:
        facts["elsewhere"] = _elsewhere(index.elsewhere)
    return facts


def _facts(info: CollectionInfo) -> dict[str, str]:
    facts = {
        "collection": safe(str(info.path)),
        "pictures": f"{info.images:,}",
        "files": f"{info.files:,}",
        "refused": f"{info.refused:,}",
        **_describe_forgotten(info.forgotten),
        "no date": f"{info.without_date:,}",
        "catalog": f"{info.catalog}, {human_size(info.size_bytes)}",
        "model": f"{info.model[:12] or 'none yet'}, {info.dimension} dimensions",
    }
    for model in info.further_models:
        facts[f"model {model.name}"] = (
            f"{model.model_id[:12]}, {model.dimension} dimensions, of {model.count:,} pictures"
        )
    if info.kept_models:
        size = human_size(sum(info.kept_models.values()))
        facts["kept models"] = f"{human_count(len(info.kept_models), 'file')}, {size}"
    facts |= {**index_facts(info.index), "answers": _answers(info.answers)}
    if info.rebuilt_because is not None:
        facts["made anew"] = f"because {safe(info.rebuilt_because)}"
    if info.not_saved is not None:
        tries = human_count(info.not_saved.tries, "attempt")
        facts["not saved"] = f"for {info.not_saved.lasts_s:,.0f} s, {tries}: {safe(info.not_saved.reason)}"
    return facts


def _describe_forgotten(pictures: int) -> dict[str, str]:
    return {"forgotten": f"metadata of {human_count(pictures, 'removed picture')} is kept"} if pictures else {}


def _gauge(gauge: RecallFacts) -> str:
    if gauge.recall is None:
        return f"{gauge.promised:g} promised, nothing measured yet of {gauge.observed:,} searches"
    told = f"{gauge.promised:g} promised, {gauge.recall:.4f} measured ({gauge.low:.4f} to {gauge.high:.4f})"
    return f"{told}, {gauge.samples:,} samples of {gauge.observed:,} searches{'; sinking' * gauge.sinking}"


def _elsewhere(version: VersionFacts) -> str:
    if version.version is None:
        told = f"{version.engine}, no version to search yet: the catalog is compared"
    elif version.behind:
        told = f"{version.engine}, version {version.version}, {human_count(version.behind, 'picture')} behind"
    else:
        told = f"{version.engine}, version {version.version}, up to date"
    return told if version.not_fed is None else f"{told}; not fed: {safe(version.not_fed)}"


def _answers(answers: CacheFacts) -> str:
    size = f"{answers.entries:,} kept, {human_size(answers.size_bytes)} of {human_size(answers.max_bytes)}"
    return f"{size}; {answers.hits:,} given again, {answers.misses:,} looked for"


def _short(value: Json) -> str:
    return f"{value:,}" if isinstance(value, int) else safe(str(value))
