"""See `tests.unit.view.test_nearness`."""

from tests.unit.view.test_nearness import *  # noqa: F403
