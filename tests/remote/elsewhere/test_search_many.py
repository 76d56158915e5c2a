"""See `tests.unit.search.test_search_many`."""

from tests.unit.search.test_search_many import *  # noqa: F403
