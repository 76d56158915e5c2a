"""The OpenAPI document, and the page that shows it; its script and style come from this server, not from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import FileResponse, HTMLResponse, Response

from lookalike import __version__
from lookalike.service.api.answers import answer
from lookalike.service.api.describing import PROBLEMS
from lookalike.service.api.schemas import Problem
from lookalike.service.edge.security_headers import policy_of_page

router = APIRouter(include_in_schema=False)

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_SHOWN = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document: every operation with its problems."""
    document = get_openapi(
        title="Lookalike",
        version=__version__,
        summary="Search by image.",
        description="See docs/reference/http.md.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    whole = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(whole.pop("$defs", {}))
    schemas["Problem"] = whole
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"] = {
                **{status: one for status, one in operation["responses"].items() if status != "422"},
                **{str(status): one for status, one in PROBLEMS.items()},
            }
            if path == "/readyz":
                operation["responses"]["503"] = operation["responses"]["200"]
    return document


def document_text(document: dict[str, Any]) -> str:
    """The document as it is committed: sorted, so that a change can be seen."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def add_document(app: FastAPI) -> None:
    """Have an application tell its document and show it."""
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(openapi_of(app))
        return document

    app.openapi = openapi  # type: ignore[method-assign]
    app.include_router(router)
    app.add_route("/openapi.json", lambda _: answer(openapi()), include_in_schema=False)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Swagger UI."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Lookalike",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )
    page.headers["Content-Security-Policy"] = policy_of_page(bytes(page.body).decode())
    return page


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """What that page is made of."""
    if name not in _SHOWN:
        return Response(status_code=404)
    return FileResponse(_ASSETS / name)
