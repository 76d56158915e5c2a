"""See `tests.unit.search.test_search`."""

from tests.unit.search.test_search import *  # noqa: F403
