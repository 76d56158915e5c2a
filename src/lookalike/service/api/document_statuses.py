"""With which statuses an operation can go wrong, told from what it takes and asks for."""

from __future__ import annotations

from typing import Any

_OPEN = ("/livez", "/readyz")
_CONFLICTS = {
    ("post", "/v1/collections/{collection}/images"),  # with an Idempotency-Key that is in use
    ("post", "/v1/collections/{collection}/images/delete"),
    ("post", "/v1/collections/{collection}/uploads"),
    ("delete", "/v1/collections/{collection}/uploads/{upload_id}"),
    ("post", "/v1/collections/{collection}/uploads/{upload_id}/complete"),
    ("post", "/v1/jobs/{job_id}/retry"),
    ("put", "/v1/storage/{name}/{upload_id}"),
    ("delete", "/v1/collections/{collection}"),
}


def statuses_of(method: str, path: str, operation: dict[str, Any]) -> set[int]:
    """The statuses of problems.

    What comes before the operation is not counted where a request that follows the document cannot meet it.
    """
    if path in _OPEN:
        return {422, 500}
    found = {422, 500, 503, 504}  # 422 for parameters that it does not take
    if operation.get("security"):
        found |= {401, 403, 429}
    if "{" in path or path == "/v1/embeddings":  # whose form may name a model
        found |= {404}
    if operation.get("requestBody"):
        found |= {400, 408, 413, 415}
    if (method, path) in _CONFLICTS:
        found |= {409}
    if (method, path) == ("post", "/v1/collections/{collection}/uploads"):
        found |= {507}
    if path.endswith("/search"):
        found |= {501}
    if "206" in operation.get("responses", {}):
        found |= {416}
    if path.startswith("/v1/storage/"):
        found = (found | {403, 429}) - {401}
    return found
