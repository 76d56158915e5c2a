"""The built page, where there is one; a word on how to build it where there is not."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lookalike.service.api.open_files import FileInPieces

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lookalike</title>
<h1>Lookalike is running</h1>
<p>The search page has not been built: run <code>make web</code> where Lookalike's
source is (it needs Node.js 20 or later) and start again; the service says where when it starts.</p>
<p>The API works without it: see <a href="/docs">/docs</a>.</p>
</html>
"""


class Packed(StaticFiles):
    """Files of which the build has put a gzipped one beside: whoever takes that gets it.

    Args:
        directory: of the files.
        cache_control: said with each.
    """

    def __init__(self, *, directory: Path, cache_control: str) -> None:
        super().__init__(directory=directory)
        self._cache_control = cache_control

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 404."""
        accepted = Headers(scope=scope).get("accept-encoding", "")
        packed = "gzip" in accepted and not path.endswith(".gz") and self.lookup_path(f"{path}.gz")[1] is not None
        response = await super().get_response(f"{path}.gz" if packed else path, scope)
        if isinstance(response, FileResponse):
            response.chunk_size = FileInPieces.chunk_size
        response.headers["Cache-Control"] = self._cache_control
        response.headers["Vary"] = "Accept-Encoding"
        if packed and response.status_code == 200:
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return response


def add_page(app: FastAPI, folder: Path | None) -> None:
    """Serve the page at `/`.

    Args:
        app: gets the routes.
        folder: of the built page; None or one without an index tells how to build it.
    """
    index = folder / "index.html" if folder is not None else None
    if folder is None or index is None or not index.is_file():

        async def tell(_: Request) -> Response:
            return HTMLResponse(_NOT_BUILT)

        app.add_route("/", tell, include_in_schema=False)
        return

    async def page(_: Request) -> Response:
        return FileInPieces(index, headers={"Cache-Control": "no-cache"})

    app.add_route("/", page, include_in_schema=False)
    if (folder / "assets").is_dir():
        forever = "public, max-age=31536000, immutable"  # their names hold their hashes
        app.mount("/assets", Packed(directory=folder / "assets", cache_control=forever))
    app.mount("/", Packed(directory=folder, cache_control="no-cache"), name="page")
