"""The toy's route asked as clients do, run on a copy of the source that has it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.services import FIRST, PICTURES, running, token

PATH = "/v1/collections/{collection}/count"


def main(folder: Path) -> None:
    path = PATH.replace("{collection}", FIRST)
    with running(folder) as served:
        assert served.client.get(path).status_code == 401
        assert served.client.get(path, headers=token()).status_code == 403
        assert served.client.get(path, headers=token("read", collections=["second"])).status_code in (403, 404)
        reply = served.client.get(path, headers=token("read"))
        assert (reply.status_code, reply.json()) == (200, {"pictures": PICTURES}), reply.text
        document = served.client.get("/openapi.json").json()
    told = document["paths"][PATH]["get"]
    assert told["security"]
    assert {"200", "401", "403", "404", "429", "500", "503", "504"} <= set(told["responses"])
    assert told["responses"]["200"]["content"]["application/json"]["example"] == {"pictures": 3}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
