"""Room for connections: nobody takes it all."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from lookalike.core.errors import Overloaded
from lookalike.service.asker import Asker
from lookalike.service.stream.admission import Places


def test_one_caller_leaves_room_for_others() -> None:
    places = Places(8)
    with ExitStack() as open_:
        for n in range(6):
            open_.enter_context(places.one(Asker("many", f"collection {n}")))
        with pytest.raises(Overloaded, match="open for you"), places.one(Asker("many")):
            pass
        open_.enter_context(places.one(Asker("other")))
        assert places.taken == 7
    assert places.taken == 0
    with places.one(Asker("many")):
        assert places.taken == 1


def test_one_collection_leaves_room_for_others() -> None:
    places = Places(8)
    with ExitStack() as open_:
        for n in range(7):
            open_.enter_context(places.one(Asker(f"caller {n}", "crowded")))
        with pytest.raises(Overloaded, match="this collection"), places.one(Asker("other", "crowded")):
            pass
        open_.enter_context(places.one(Asker("other", "quiet")))
        with pytest.raises(Overloaded, match="of this kind are open, which"), places.one(Asker("third", "calm")):
            pass
