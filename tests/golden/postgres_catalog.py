"""Make the golden dump of a catalog in PostgreSQL with the Lookalike that is imported.

    python -m tests.golden.postgres_catalog FOLDER

`postgres-catalogs/1` is what the code of the first format has left: made by running this file at the last commit that
wrote it. A later format is brought up from each of them in `tests/unit/catalog/postgres/test_formats.py`.

    FOLDER/dump.sql       both schemas, as pg_dump writes them: SQL that any client can run
    FOLDER/answers.json   what was then answered
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chain.postgres import PostgresServer, programs_folder
from chain.unprivileged import open_folder
from lookalike.catalog.base import Catalog
from lookalike.catalog.postgres.catalogs import open_postgres_catalogs
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from lookalike.core.stored_projection import StoredProjection

NAME, D, N = "photos", 4, 12
FILTERS = ("label = red", "n > 4", "name like '*3*'", "folder = /photos/a", "label not exists", "taken_at >= 2024-02")


def image_id(n: int) -> str:
    """The id of a picture of the golden catalog."""
    return f"{n:064x}"


def fill(catalog: Catalog) -> None:
    """Everything that a catalog can hold."""
    catalog.claim_model("m" * 64, D)
    metadata: list[Any] = [
        {"label": "red", "n": n} if n % 3 else {"n": str(n), "\ud800": ["\x00", None]} for n in range(N)
    ]
    images = [
        ImageRecord(image_id(n), n + 1, 2, "png", n, f"2024-{n + 1:02}-01T00:00:00", "é", metadata[n], n == 5)
        for n in range(N)
    ]
    with catalog.transaction() as transaction:
        keys = transaction.put_images(images, (np.arange(N * D).reshape(N, D) / 7).astype(np.float16))
        transaction.put_files(
            [FileRecord(f"/photos/{'ab'[n % 2]}/\udcff{n}.png", image_id(n), n, -n) for n in range(1, N)]
        )
        transaction.put_refused([RefusedFile("/photos/x", 1, 2, "broken", "it is broken")])
        transaction.add_further_model("fine", "f" * 64, 2)
        transaction.put_model_vectors("fine", keys[3:6], np.ones((3, 2), np.float16))
        transaction.put_claim(image_id(5), "claim", np.ones((1, D), np.float16))
        transaction.put_devices({"/photos": "disk"})
        transaction.put_out_of_sight({"/gone": ["/gone/1"]})
        transaction.begin_deleting([image_id(99)], until=5.5)
        transaction.take_lease("applier", "me", lasts_s=30)
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(0), image_id(1)])
        transaction.merge_metadata({image_id(2): {"label": "blue"}})
        mean, components = np.arange(D, dtype=np.float32), np.eye(D, 2, dtype=np.float32)
        transaction.put_projection(StoredProjection(mean, components, learnt_from=N, learnt_at=1.5), after=0)


def answers(catalog: Catalog) -> dict[str, Any]:
    """What a catalog says, as JSON has it."""
    facts = catalog.facts()
    vectors = next(catalog.all_vectors())
    projection = catalog.projection()
    assert projection is not None
    with catalog.transaction() as transaction:
        claims = {claim: vector.tolist() for claim, vector in transaction.claims(image_id(5)).items()}
    found = {
        "facts": [facts.images, facts.files, facts.refused, facts.forgotten],
        "images": [[key, asdict(one)] for part in catalog.all_images() for key, one in part],
        "files": [asdict(one) for one in catalog.files()],
        "refused": [asdict(one) for one in catalog.refused()],
        "vectors": [vectors.keys.tolist(), vectors.vectors.tolist()],
        "fields": catalog.metadata_fields(),
        "further": [asdict(one) for one in catalog.further_models()],
        "fine": catalog.model_vectors("fine", range(99)).keys.tolist(),
        "claims": claims,
        "devices": catalog.devices(),
        "out of sight": catalog.out_of_sight(),
        "deleting": catalog.deleting([image_id(99)]),
        "lease": getattr(catalog.lease("applier"), "fence", None),
        "forgotten": catalog.find_forgotten("0"),
        "projection": [projection.mean.tolist(), projection.components.tolist(), projection.learnt_from],
        "identity": catalog.identity(),
        "selected": {text: catalog.select(Filter.parse(text)).tolist() for text in FILTERS},
    }
    return dict(json.loads(json.dumps(found)))


def main(folder: Path) -> None:
    """Make both files."""
    programs = programs_folder()
    assert programs is not None
    folder.mkdir(parents=True)
    with open_folder() as place:
        server = PostgresServer(place / "server")
        server.start()
        url = server.make_database()
        places = open_postgres_catalogs(url, clock=lambda: 1_790_000_000.0)
        try:
            places.create(NAME)
            catalog = places.open(NAME)
            fill(catalog)
            (folder / "answers.json").write_text(json.dumps(answers(catalog), indent=1) + "\n")
            dumped = subprocess.run(
                [str(programs / "pg_dump"), "--inserts", "--no-owner", "--no-privileges", url],
                capture_output=True,
                text=True,
                check=True,
            )
            lines = [line for line in dumped.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
            (folder / "dump.sql").write_text("\n".join(lines) + "\n")
        finally:
            places.close()
            server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
