"""The built page, where there is one; a word on how to build it where there is not."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

BUILT = Path(__file__).with_name("page")
"""Where `make web` puts it."""

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lookalike</title>
<h1>Lookalike is running</h1>
<p>The search page has not been built: run <code>make web</code> (it needs Node.js 20 or later) and start again.</p>
<p>The API works without it: see <a href="/docs">/docs</a>.</p>
</html>
"""


class Immutable(StaticFiles):
    """Files whose names hold their hashes."""

    def file_response(self, *arguments: object, **named: object) -> Response:
        """As ever, and to be kept for ever."""
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
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
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    app.add_route("/", page, include_in_schema=False)
    if (folder / "assets").is_dir():
        app.mount("/assets", Immutable(directory=folder / "assets"))
    app.mount("/", StaticFiles(directory=folder), name="page")
