"""`lookalike info`: figures about a collection."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from lookalike.cli.session import Session, command
from lookalike.presentation.text import human_size, safe

if TYPE_CHECKING:
    from lookalike.collection import CollectionInfo


@command("info")
def info_command(session: Session) -> None:
    """Tell what a collection holds."""
    with session.open() as collection:
        info = collection.info()
    if session.as_json:
        session.write_json({**asdict(info), "path": str(info.path)})
        return
    facts = _facts(info)
    width = max(map(len, facts))
    session.write("".join(f"{name:<{width}}  {value}\n" for name, value in facts.items()))


def _facts(info: CollectionInfo) -> dict[str, str]:
    learnt_from = info.index.projection_learnt_from
    facts = {
        "collection": safe(str(info.path)),
        "pictures": f"{info.images:,}",
        "files": f"{info.files:,}",
        "refused": f"{info.refused:,}",
        "catalog": f"{info.catalog}, {human_size(info.size_bytes)}",
        "model": f"{info.model[:12] or 'none yet'}, {info.dimension} dimensions",
        "index": f"{info.index.engine}, {info.index.count:,} pictures, {info.index.dimension} dimensions",
        "projection": f"learnt from {learnt_from:,} pictures" if learnt_from else "none: raw vectors are compared",
    }
    if info.rebuilt_because is not None:
        facts["made anew"] = f"because {safe(info.rebuilt_because)}"
    return facts
