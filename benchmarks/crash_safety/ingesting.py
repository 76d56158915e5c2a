"""The process that is killed: `... crash_safety.ingesting COLLECTION PHOTOS ACKNOWLEDGED COMMIT_AFTER`.

Indexes a folder and writes what is acknowledged to a file of its own, durably, before it goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import lookalike
from lookalike.core.records import FileRecord
from lookalike.ingest import ingest


def main() -> None:
    collection, photos, acknowledged, commit_after = sys.argv[1:]
    ingest._COMMIT_AFTER_FILES = int(commit_after)  # more commits in less time, for more moments in between
    with Path(acknowledged).open("a", encoding="utf-8") as file, lookalike.open(collection, threads=2) as opened:

        def write_down(files: Sequence[FileRecord]) -> None:
            file.writelines(f"{one.image_id} {one.path}\n" for one in files)
            file.flush()
            os.fsync(file.fileno())

        opened.index(photos, acknowledge=write_down)


if __name__ == "__main__":
    main()
