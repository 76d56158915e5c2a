"""The pictures of a collection, one by one: looked up, listed, labelled, shown small."""

from __future__ import annotations

from lookalike.catalog.patience import in_transaction
from lookalike.collection.open_parts import OpenParts
from lookalike.core.arguments import check_instance, checks_arguments
from lookalike.core.errors import NotIndexed
from lookalike.core.records import Metadata
from lookalike.core.vectors import Pixels
from lookalike.images.decode import decode
from lookalike.objects.streams import ObjectStream
from lookalike.parts.reply import Hit
from lookalike.parts.stored_bytes import open_stored
from lookalike.search.stored_pictures import Numbered, StoredPicture, find_picture, next_pictures, spread_pictures
from lookalike.search.where import Where


class Pictures:
    """What is asked of single pictures: `collection.pictures`. Safe to use from many threads."""

    def __init__(self, opened: OpenParts) -> None:
        self._open = opened

    @checks_arguments(but=("image_id",))
    def get(self, image_id: str) -> StoredPicture:
        """Look a picture up by its id, or by the beginning of it, at least 8 digits.

        Raises:
            NotIndexed: when it is not in the collection, or several ids begin so; names two of those.
        """
        return find_picture(image_id, self._open.parts)

    @checks_arguments(but=("after", "limit"))
    def list(self, *, where: Where = None, after: int = 0, limit: int = 50) -> Numbered:
        """Go through the pictures in the order in which they came.

        Args:
            where: a filter: only pictures that pass.
            after: the number of the last picture seen; 0 to begin.
            limit: at most so many.
        Returns:
            pictures with their numbers, which only grow.
        Raises:
            BadQuery: when `after` or `limit` is no whole number, or below 0, or the filter cannot be understood.
        """
        catalog = self._open.parts.catalog
        return next_pictures(catalog, catalog.select(self._open.filter(where)), after=after, limit=limit)

    @checks_arguments(but=("count",))
    def spread(self, count: int, *, where: Where = None) -> Numbered:
        """Pictures from all over the collection, evenly spaced in the order in which they came.

        The same ones as long as the collection does not change. Nothing but their numbers is looked at, so that it
        costs what a page of the list costs.

        Args:
            count: how many, at least 1; fewer come where there are fewer.
            where: a filter: only pictures that pass.
        Returns:
            pictures with their numbers, as `list` gives them.
        Raises:
            BadQuery: when `count` is no whole number, or below 1, or the filter cannot be understood.
        """
        catalog = self._open.parts.catalog
        return spread_pictures(catalog, catalog.select(self._open.filter(where)), count=count)

    @checks_arguments()
    def label(self, image_id: str, metadata: Metadata) -> None:
        """Lay fields over those that one picture has; a field given as None is deleted.

        Raises:
            NotIndexed: when it is not in the collection.
            BadInput: when a value is no JSON.
        """
        self._open.begin_writing()
        catalog = self._open.parts.catalog
        if not in_transaction(catalog, lambda transaction: transaction.merge_metadata({image_id: metadata})):
            raise NotIndexed(
                f"no picture in the collection has the id {image_id!r}"
                "; take the id of a hit, or index the picture first"
            )

    @checks_arguments()
    def read(self, image_id: str) -> bytes:
        """The bytes of a picture, from any file that still holds it.

        Raises:
            NotIndexed: when it is not in the collection.
            ImageRefused: when all of its files are gone or hold other pictures now.
        """
        return self._open.bytes_of(self.get(image_id).image.id)

    @checks_arguments()
    def open(self, image_id: str, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
        """The same as a stream, so that it need not be in memory as a whole. Raises as `read`.

        A file of the user's may be written to while it is read: whoever must have the very bytes hashes them again.

        Args:
            image_id: of the picture.
            first: the first byte that is wanted, counted from 0.
            size_bytes: how many are wanted at most; None for all until the end.
        """
        return open_stored(self.get(image_id).image.id, self._open.parts, first=first, size_bytes=size_bytes)

    @checks_arguments()
    def thumbnail(self, picture: Hit | str, *, min_side: int = 224) -> Pixels:
        """A small version of a picture: shape (H, W, 3), uint8 RGB.

        Args:
            picture: a hit of a search, also of a picture that was removed since as long as its file is there; or an id.
            min_side: H and W are not smaller where the picture has such pixels.
        Raises:
            NotIndexed, ImageRefused: as `read`.
        """
        if isinstance(picture, str):
            data = self.read(picture)
        else:
            hit = check_instance(picture, "picture", Hit, "a hit of a search, or an id")
            data = self._open.bytes_of(hit.id, first=hit.path)
        return decode(data, min_side=min_side, limits=self._open.parts.limits).pixels

    @checks_arguments()
    def is_remembered(self, image_id: str) -> bool:
        """Whether metadata is kept of a picture that was removed, to return with it."""
        return image_id in self._open.parts.catalog.find_forgotten(image_id)
