"""See `tests.unit.search.test_sureness`."""

from tests.unit.search.test_sureness import *  # noqa: F403
