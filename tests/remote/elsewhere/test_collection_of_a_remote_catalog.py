"""See `tests.remote.test_collection`."""

from tests.remote.test_collection import *  # noqa: F403
