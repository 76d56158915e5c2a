"""Write the OpenAPI document to standard output, as `make openapi` does."""

from __future__ import annotations

import sys

from lookalike.service.api.documents import document_text, openapi_of
from lookalike.service.app import routes


def main() -> None:
    """Write it."""
    sys.stdout.write(document_text(openapi_of(routes())))


if __name__ == "__main__":
    main()
