"""What a search gives back in Python: a sequence of hits that shows itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lookalike.core.arguments import checks_arguments
from lookalike.core.errors import LookalikeError, needing
from lookalike.core.paths import absolute
from lookalike.core.records import Json
from lookalike.core.vectors import Pixels
from lookalike.parts.reply import Hit, Reply
from lookalike.storage.output_file import Precious, inputs_are_precious, is_ours_by_mark, write_output
from lookalike.view.facts import IndexFacts

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.presentation.contact_sheet import Card

LoadPixels = Callable[[Hit], Pixels]
"""Brings a small version of a hit's picture; raises ImageRefused where that is gone or changed beyond use."""


class SearchResult:
    """The hits of one search, best first, and the account of how they were found.

    In a notebook it shows itself as a grid of pictures. It can be pickled and copied: a copy is equal, and takes the
    pictures that it shows from the hits' own files, for it knows no collection.

    Args:
        reply: what was answered.
        query: what was asked, for people.
        query_pixels: shape (H, W, 3), uint8 RGB: the query picture, if it was one.
        load_pixels: brings the pictures of hits, when they are shown.
        precious: what no contact sheet may replace, such as the query.
    """

    def __init__(
        self,
        reply: Reply,
        *,
        query: str,
        query_pixels: Pixels | None,
        load_pixels: LoadPixels,
        precious: Precious = is_ours_by_mark,
    ) -> None:
        self.reply = reply
        self.query = query
        self._query_pixels = query_pixels
        self._load_pixels = load_pixels
        self._precious = precious

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

    @property
    def nothing_like_it(self) -> bool | None:
        """Whether even the best is farther than pictures here are from their nearest; None where that is not known."""
        return self.reply.nothing_like_it

    @property
    def without_date(self) -> int | None:
        """How many pictures a filter by date leaves out only for having none; None where no filter asks for a date."""
        return self.reply.without_date

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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchResult):
            return NotImplemented
        return (self.query, self.reply) == (other.query, other.reply)

    def __hash__(self) -> int:
        return hash((self.query, tuple(hit.id for hit in self.hits)))

    def __getstate__(self) -> dict[str, object]:
        return {"reply": self.reply, "query": self.query, "_query_pixels": self._query_pixels}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._load_pixels = pixels_of_its_file
        files = [hit.path for hit in self.hits if hit.path is not None]
        self._precious = inputs_are_precious(files, what="a picture of the result")

    def to_dict(self) -> dict[str, Json]:
        """The reply as plain data, ready for JSON, with the names of `Reply`."""
        return asdict(self.reply)

    def to_pandas(self) -> pd.DataFrame:
        """One row per hit, in order of rank.

        Raises:
            MissingExtra: when pandas is not installed.
        """
        with needing("pandas", extra="pandas", purpose="turning a result into a table"):
            import pandas as pd
        return pd.DataFrame([asdict(hit) for hit in self.hits], columns=list(Hit.__dataclass_fields__))

    @checks_arguments()
    def sheet(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a contact sheet of the hits; it appears when it is whole, and replaces an earlier one of that name.

        Args:
            path: ends in `.jpg` or `.html`.
            force: replace whatever file is there, also the query or a picture of the collection.
        Returns:
            the path.
        Raises:
            BadInput: when it ends in something else.
            WouldOverwrite: when something else is there.
            StorageFailed: when it cannot be written.
        """
        from lookalike.presentation.contact_sheet import CONTACT_SHEET, contact_sheet_html, contact_sheet_jpeg

        target = Path(absolute(path))
        if target.suffix.lower() in (".html", ".htm"):
            content = contact_sheet_html(self._cards(), title=self._title, query=self._query_card()).encode("utf-8")
        else:
            content = contact_sheet_jpeg(self._cards(), title=self._title, query=self._query_card())
        write_output(target, content, kind=CONTACT_SHEET, precious=self._precious, force=force)
        return target

    def picture(self) -> Pixels:
        """The contact sheet of the hits as a picture: shape (H, W, 3), uint8 RGB."""
        from lookalike.presentation.contact_sheet import contact_sheet

        return contact_sheet(self._cards(), title=self._title, query=self._query_card())

    def _repr_html_(self) -> str:
        from lookalike.presentation.contact_sheet import notebook_grid

        return notebook_grid(self._cards(), title=self._title if self.nothing_like_it else "")

    @property
    def _title(self) -> str:
        if self.nothing_like_it:
            return f"Nothing like {self.query} here; these are the nearest"
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


def pixels_of_its_file(hit: Hit) -> Pixels:
    """A small version of a hit's picture, shape (H, W, 3), uint8 RGB, from the file that it names.

    Raises:
        ImageRefused: when it names none, or the file is gone or holds another picture now.
    """
    from lookalike.images.decode import decode
    from lookalike.images.files import content_id, read_file
    from lookalike.images.limits import DEFAULT_LIMITS
    from lookalike.images.refusals import RefusalCode, refusal

    if hit.path is None:
        raise refusal(
            RefusalCode.CHANGED,
            "expected a picture with a file, but this one has none",
            to_do="ask the collection for it: collection.pictures.read(hit.id)",
        )
    data = read_file(hit.path, limits=DEFAULT_LIMITS).data
    if content_id(data) != hit.id:
        raise refusal(
            RefusalCode.CHANGED,
            "expected the picture in its file, but the file holds another picture now",
            to_do="index its folder again",
        )
    return decode(data, min_side=224, limits=DEFAULT_LIMITS).pixels
