"""What the package names is there, and comes when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lookalike
from lookalike.assembly.collection import open_collection
from lookalike.collection import Collection


@pytest.mark.parametrize("name", lookalike.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(lookalike, name) is not None
    assert name in dir(lookalike)


def test_they_are_what_their_modules_define() -> None:
    assert lookalike.open is open_collection
    assert lookalike.Collection is Collection


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'nonsense'"):
        getattr(lookalike, "nonsense")  # noqa: B009  # by name, for the type checker knows that it is not there


def test_importing_the_package_is_cheap() -> None:
    script = "import lookalike, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_every_error_can_be_caught_by_its_name_at_the_top() -> None:
    from lookalike.core import errors

    for name, error in vars(errors).items():
        if isinstance(error, type) and error.__module__ == errors.__name__:
            assert getattr(lookalike, name) is error
            assert name in lookalike.__all__
