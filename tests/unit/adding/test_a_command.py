"""A command is a file, a line in `COMMANDS`, and its name at the options that it obeys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.adding.copies import SourceCopy


def test_it_is_run_helped_and_told_apart(tmp_path: Path) -> None:
    source = SourceCopy(tmp_path / "source")
    source.add_file("cli/greet.py", "greet.py")
    source.replace("cli/main.py", '    "demo": "demo",\n', '    "demo": "demo",\n    "greet": "greet",\n')
    source.replace("cli/session.py", '"worker", "jobs", "backup"),\n', '"worker", "jobs", "backup", "greet"),\n')
    source.replace("cli/session.py", '"key", "backup", "parity",\n', '"key", "backup", "parity", "greet",\n')
    collection = str(tmp_path / "photos.lookalike")
    lookalike = ("-m", "lookalike")

    assert "Greet whoever asks." in source.run(*lookalike, "help", "greet")
    assert "greet" in source.run(*lookalike, "--help")
    source.run("-c", f"import lookalike; lookalike.open({collection!r}).close()")
    assert "Good morning from 0 pictures." in source.run(*lookalike, "-c", collection, "greet")
    assert json.loads(source.run(*lookalike, "-c", collection, "greet", "--json")) == {"pictures": 0}
    with pytest.raises(AssertionError, match="greet"):
        source.run(*lookalike, "gret")
