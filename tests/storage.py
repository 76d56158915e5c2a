"""Putting bytes where a service says, as a browser does: to the service itself, or straight into an object store."""

from __future__ import annotations

from typing import Any

import httpx2
from starlette.testclient import TestClient


def put_bytes(client: TestClient, put: dict[str, Any], data: bytes) -> httpx2.Response:
    """Bring bytes to where an upload's `put` says.

    Args:
        client: of the service.
        put: what the service answered.
        data: that are brought.
    """
    if put["url"].startswith("/"):
        return client.put(put["url"], content=data, headers=put["headers"])
    return httpx2.put(put["url"], content=data, headers=put["headers"], timeout=30)
