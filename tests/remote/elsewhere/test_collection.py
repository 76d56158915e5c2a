"""See `tests.unit.test_collection`."""

from tests.unit.test_collection import *  # noqa: F403
