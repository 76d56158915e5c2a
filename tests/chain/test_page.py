"""The page uploads from a real browser straight into the object store, across origins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import lookalike

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.flows import Api, ClassicFlow, wait_searchable
from chain.parts import Parts
from chain.programs import service, worker
from tests.chain.conftest import photos_of, settings_of

WEB = Path(__file__).parents[2] / "web"
PAGE = Path(lookalike.__file__).parent / "service" / "page" / "index.html"
FEW = 12


@pytest.mark.timeout(900)
def test_pictures_are_put_into_the_store_by_the_browser_and_verified_and_found(parts: Parts, tmp_path: Path) -> None:
    for needed, why in ((PAGE, "the page is not built: make web"), (WEB / "node_modules", "npm has not installed")):
        if not needed.exists():
            pytest.skip(why)
    if not (shutil.which("chromium") and shutil.which("npm")):
        pytest.skip("needs Chromium and npm")
    public = parts.s3.url.replace("127.0.0.1", "localhost")  # the page may put bytes there and nowhere else
    assert public != parts.s3.url
    settings = {**settings_of(parts, tmp_path / "service"), "LOOKALIKE_SERVE_OBJECTS_PUBLIC_ENDPOINT": public}
    serving = service(environment=settings, log=tmp_path / "service.log")
    working = worker(environment=settings_of(parts, tmp_path / "worker"), log=tmp_path / "worker.log")
    photos, model_id = photos_of(FEW)
    try:
        serving.start()
        working.start()
        api = Api(serving.url)
        api.call("PUT", "/v1/collections/shop")
        for n, photo in enumerate(photos):
            ClassicFlow().upload(photo, api, collection="shop", once=f"shop-{n}")
        for photo in photos:
            wait_searchable(photo, api, collection="shop", model_id=model_id, within_s=60)
        environment = {
            **os.environ,
            "LOOKALIKE_URL": serving.url,
            "LOOKALIKE_STORAGE": public,
            "PICTURES": str(tmp_path),
            "CHROMIUM": shutil.which("chromium") or "",
        }
        command = ["npm", "run", "e2e", "--", "beside", "-t", "of several pictures tells how each stands"]
        done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
        assert "1 passed" in done.stdout
        assert api.call("GET", "/v1/collections/shop")["images"] == FEW + 1  # of two the browser has removed one
        api.close()
    finally:
        working.stop()
        serving.stop()
