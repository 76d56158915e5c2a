"""The OpenAPI document, and the page that shows it; its script and style come from this server, not from elsewhere."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from lookalike import __version__
from lookalike.service.api import document_examples, document_words
from lookalike.service.api.answers import json_bytes
from lookalike.service.api.describing import PROBLEMS
from lookalike.service.api.document_statuses import statuses_of
from lookalike.service.api.filter_schema import condition_schema, with_conditions_named
from lookalike.service.api.open_files import FileInPieces
from lookalike.service.api.schemas import Problem
from lookalike.service.edge.security_headers import policy_of_page
from lookalike.service.problem_codes import ProblemCode

router = APIRouter(include_in_schema=False)

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_SHOWN = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


_ABOUT = """Search by image. `docs/reference/http.md` tells what holds for all operations, and of the WebSockets.

A request that does not follow this document can also be answered with 400, 405, 408, 413, 415, 422 or 431."""


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document: every operation with its problems and examples, every property with its meaning."""
    document = get_openapi(
        title="Lookalike",
        version=__version__,
        summary="Search by image.",
        description=_ABOUT,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[
            {"url": "/", "description": "This service; from elsewhere, its address, such as http://127.0.0.1:8080."}
        ],
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    whole = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(whole.pop("$defs", {}))
    schemas["Problem"] = whole
    schemas["ProblemCode"] = {"type": "string", "enum": [code.value for code in ProblemCode]} | {
        "description": "Every word that a reply can bear as its code; `docs/reference/codes.json` has their values."
    }
    whole["properties"]["code"] = {"$ref": "#/components/schemas/ProblemCode"}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(method, path, operation)
    for name, schema in schemas.items():
        schema.setdefault("title", name)
    named: dict[str, Any] = with_conditions_named(document)
    named["components"]["schemas"]["Condition"] = condition_schema()
    _describe_properties(named)
    return named


def _describe(method: str, path: str, operation: dict[str, Any]) -> None:
    """Give an operation its problems, and examples of what it takes and gives."""
    operation["operationId"] = operation["operationId"].partition("_v1_")[0].removesuffix(f"_{path[1:]}_{method}")
    wrong = {str(status): _problem(status) for status in sorted(statuses_of(method, path, operation))}
    good = {status: one for status, one in operation["responses"].items() if status != "422"}
    operation["responses"] = {**good, **wrong}
    if path == "/readyz":
        operation["responses"]["503"] = {**good["200"], "description": "A part is down or saturated; it is named."}
    for response in good.values():
        _show_reply(response)
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        parameter["description"] = document_words.PARAMETERS[name]
        if (example := document_examples.PARAMETERS[name]) is not None:
            parameter["example"] = example
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        shown = document_examples.BODIES[method, path, kind]
        content["examples"] = {name: {"summary": name, "value": value} for name, value in shown.items()}


def _problem(status: int) -> dict[str, Any]:
    described = copy.deepcopy(PROBLEMS[status])
    described["content"]["application/problem+json"]["example"] = document_examples.PROBLEMS[status]
    return described


def _show_reply(response: dict[str, Any]) -> None:
    contents = response.get("content", {})
    if contents.get("application/json", {}).get("schema") == {}:  # of routes that tell another type, or none
        del contents["application/json"]
    if not contents:
        response.pop("content", None)
    for kind, content in contents.items():
        named = content["schema"].get("$ref", "").rpartition("/")[2]
        text = "# HELP lookalike_jobs Jobs that wait or run.\n" if kind == "text/plain" else document_examples.BYTES
        content["example"] = document_examples.SCHEMAS[named] if named else text


def _describe_properties(part: object) -> None:
    """Say of each property what it means, wherever its schema stands."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _describe_properties(inner)
    if not isinstance(part, dict) or not isinstance(part.get("properties"), dict):
        return
    words = document_words.PROPERTIES.get(str(part.get("title")), {})
    for name, schema in part["properties"].items():
        if isinstance(schema, dict) and name in words:
            schema["description"] = words[name]


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

    @cache
    def render() -> bytes:
        return json_bytes(openapi())

    app.openapi = openapi  # type: ignore[method-assign]
    app.include_router(router)
    app.add_route("/openapi.json", lambda _: Response(render(), media_type="application/json"), include_in_schema=False)


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
    return FileInPieces(_ASSETS / name)
