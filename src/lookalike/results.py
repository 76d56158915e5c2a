"""What a search gives back in Python: a sequence of hits that shows itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lookalike.core.errors import BadInput, LookalikeError, MissingExtra, StorageFailed
from lookalike.core.records import Json
from lookalike.core.vectors import Pixels
from lookalike.pipelines.reply import Hit, IndexFacts, Reply
from lookalike.pipelines.walk import absolute

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.presentation.contact_sheet import Card

LoadPixels = Callable[[Hit], Pixels]
"""Brings a small version of a hit's picture; raises ImageRefused where that is gone or changed beyond use."""


class SearchResult:
    """The hits of one search, best first, and the account of how they were found.

    In a notebook it shows itself as a grid of pictures.

    Args:
        reply: what was answered.
        query: what was asked, for people.
        query_pixels: the query picture, if it was one.
        load_pixels: brings the pictures of hits, when they are shown.
    """

    def __init__(self, reply: Reply, *, query: str, query_pixels: Pixels | None, load_pixels: LoadPixels) -> None:
        self.reply = reply
        self.query = query
        self._query_pixels = query_pixels
        self._load_pixels = load_pixels

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Best first."""
        return self.reply.hits

    @property
    def plan(self) -> str:
        """The way that was taken."""
        return self.reply.plan

    @property
    def exact(self) -> bool:
        """True where no closer picture can have been missed."""
        return self.reply.exact

    @property
    def scanned(self) -> int:
        """Pictures compared."""
        return self.reply.scanned

    @property
    def total_matching(self) -> int:
        """Pictures that pass the filter."""
        return self.reply.total_matching

    @property
    def timings_ms(self) -> dict[str, float]:
        """Milliseconds by stage."""
        return self.reply.timings_ms

    @property
    def model(self) -> str:
        """Id of the model."""
        return self.reply.model

    @property
    def index(self) -> IndexFacts:
        """What answered."""
        return self.reply.index

    @property
    def cached(self) -> bool:
        """True where the same question had been answered before, and nothing has changed since."""
        return self.reply.cached

    @property
    def sure(self) -> bool | None:
        """Whether the first hits stand clear of the rest; None where that is not known."""
        return self.reply.sure

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, position: int) -> Hit: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Hit]: ...
    def __getitem__(self, position: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[position]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __repr__(self) -> str:
        first = (
            f", first {self.hits[0].path or self.hits[0].id!r} at {self.hits[0].similarity:.3f}" if self.hits else ""
        )
        return f"<SearchResult of {self.query!r}: {len(self)} hits, {self.plan}{first}>"

    def to_dict(self) -> dict[str, Json]:
        """The reply as plain data, ready for JSON, with the names of `Reply`."""
        return asdict(self.reply)

    def to_pandas(self) -> pd.DataFrame:
        """One row per hit, in order of rank.

        Raises:
            MissingExtra: when pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", extra="pandas", purpose="turning a result into a table") from error
        return pd.DataFrame([asdict(hit) for hit in self.hits], columns=list(Hit.__dataclass_fields__))

    def sheet(self, path: str | os.PathLike[str]) -> Path:
        """Write a contact sheet of the hits.

        Args:
            path: ends in `.jpg` or `.html`.
        Returns:
            the path.
        Raises:
            BadInput: when it ends in something else.
            StorageFailed: when it cannot be written.
        """
        from lookalike.presentation.contact_sheet import contact_sheet_html, contact_sheet_jpeg

        target = Path(absolute(path))
        kind = target.suffix.lower()
        if kind not in (".jpg", ".jpeg", ".html", ".htm"):
            raise BadInput(f"expected a contact sheet to end in .jpg or .html, got {target.name!r}")
        if kind in (".html", ".htm"):
            content = contact_sheet_html(self._cards(), title=self._title, query=self._query_card()).encode("utf-8")
        else:
            content = contact_sheet_jpeg(self._cards(), title=self._title, query=self._query_card())
        try:
            target.write_bytes(content)
        except OSError as error:
            raise StorageFailed(f"the contact sheet {target} cannot be written: {error.strerror or error}") from error
        except ValueError as error:
            raise BadInput(f"expected the path of a contact sheet, got {path!r}: {error}") from error
        return target

    def picture(self) -> Pixels:
        """The contact sheet of the hits as a picture: shape (H, W, 3), uint8 RGB."""
        from lookalike.presentation.contact_sheet import contact_sheet

        return contact_sheet(self._cards(), title=self._title, query=self._query_card())

    def _repr_html_(self) -> str:
        from lookalike.presentation.contact_sheet import notebook_grid

        return notebook_grid(self._cards())

    @property
    def _title(self) -> str:
        return f"Pictures that look like {self.query}"

    def _query_card(self) -> Card | None:
        from lookalike.presentation.contact_sheet import Card

        return Card(self._query_pixels, self.query) if self._query_pixels is not None else None

    def _cards(self) -> list[Card]:
        return [self._card(hit) for hit in self.hits]

    def _card(self, hit: Hit) -> Card:
        from lookalike.presentation.contact_sheet import Card

        try:
            pixels = self._load_pixels(hit)
        except LookalikeError:
            pixels = None
        caption = os.path.basename(hit.path) if hit.path else hit.id[:12]
        href = Path(hit.path).as_uri() if hit.path else None
        return Card(pixels, caption, lines=(f"{hit.width} x {hit.height}",), similarity=hit.similarity, href=href)
