"""A route is a router in a file, a line in `_ROUTERS` and an example: guards and the document follow."""

from __future__ import annotations

from pathlib import Path

from tests.unit.adding.copies import TOYS, SourceCopy


def test_it_is_guarded_answered_and_documented(tmp_path: Path) -> None:
    source = SourceCopy(tmp_path / "source")
    source.add_file("service/api/counting.py", "counting.py")
    source.replace("service/app.py", "    contents,\n", "    contents,\n    counting,\n")
    source.replace("service/app.py", "    contents.router,\n", "    contents.router,\n    counting.router,\n")
    source.replace(
        "service/api/document_examples.py",
        "SCHEMAS: Mapping[str, Any] = {\n",
        'SCHEMAS: Mapping[str, Any] = {\n    "PictureCount": {"pictures": 3},\n',
    )
    source.run(str(TOYS / "use_counting.py"), str(tmp_path / "served"))
