"""What a user can do with a collection."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from operator import methodcaller
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import (
    BadFilter,
    BadInput,
    BadQuery,
    BadVectors,
    CollectionError,
    DimensionMismatch,
    FetchRefused,
    ImageRefused,
    Interrupted,
    Locked,
    NotIndexed,
    StorageFailed,
)
from lookalike.core.filters import Filter
from lookalike.embedding.fake import FakeEmbedder
from lookalike.images.decode import decode
from lookalike.parts.reply import Hit
from lookalike.parts.shelf import ModelShelf
from lookalike.search.where import read_filter
from lookalike.view.local_view import LocalView
from tests.collections import (
    CountingEmbedder,
    D,
    album,
    new_collection,
    new_parts,
    open_catalog,
    picture,
    png,
    write,
    write_bytes,
)
from tests.unit.images.shapes import shapes
from tests.unit.small_collection import picture as blots


@pytest.fixture(params=["memory", "folder"])
def collection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collection]:
    with new_collection(tmp_path / "c" if request.param == "folder" else None) as made:
        yield made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


# Taking pictures in


def test_a_picture_is_added_in_any_form_and_twice_is_once(collection: Collection, photos: Path) -> None:
    path = write(photos / "a.png", 1)
    for given in (path, str(path), png(2), picture(3), np.asarray(picture(4))):
        image_id = collection.add(given)
        assert collection.add(given) == image_id
        assert image_id in collection
    assert len(collection) == 4


def test_a_picture_added_by_its_path_lies_there_and_bytes_lie_in_the_collection(
    collection: Collection, photos: Path
) -> None:
    path = write(photos / "a.png", 1)
    by_path, by_bytes = collection.add(path, metadata={"label": "a"}), collection.add(png(2), metadata={"label": "b"})

    assert [file.path for file in collection.get(by_path).files] == [str(path)]
    assert collection.get(by_bytes).files == ()
    assert [collection.get(one).image.metadata["label"] for one in (by_path, by_bytes)] == ["a", "b"]


@pytest.mark.parametrize("given", [b"", b"no picture", png(1)[:40], "nothing.png", ".", np.zeros(3), None, 5])
def test_what_is_no_picture_is_refused_and_nothing_is_kept(collection: Collection, given: Any) -> None:
    with pytest.raises(BadInput):
        collection.add(given)
    assert len(collection) == 0
    assert collection.info().files == 0


def test_a_folder_is_not_added_as_a_picture(collection: Collection, photos: Path) -> None:
    album(photos)
    with pytest.raises(ImageRefused, match="photos: expected a file, got a"):
        collection.add(photos)
    assert len(collection) == 0


def test_indexing_says_what_it_did_and_the_index_knows_it(collection: Collection, photos: Path) -> None:
    album(photos, 5)
    write_bytes(photos / "broken.png", b"x")

    report = collection.index(photos, metadata={str(photos / "0.png"): {"label": "x"}})

    assert (report.added, [failure.path for failure in report.failed]) == (5, [str(photos / "broken.png")])
    info = collection.info()
    assert (info.images, info.files, info.refused, info.index.count, info.dimension) == (5, 5, 1, 5, D)
    assert info.rebuilt_because is None
    assert collection.count(where="label = x") == 1
    assert "5 pictures" in repr(collection)


def test_after_ctrl_c_what_was_complete_can_be_searched(photos: Path) -> None:
    album(photos, 40)
    begun = set[int]()

    def stop(pictures: int) -> None:
        is_first = threading.get_ident() not in begun  # the first of all is among these, and is complete in any case
        begun.add(threading.get_ident())
        if pictures >= 20 and not is_first:
            raise KeyboardInterrupt

    collection = new_collection(embedder=CountingEmbedder(stop))
    with pytest.raises(Interrupted):
        collection.index(photos)

    assert 0 < len(collection) < 40
    query = np.ones(D, np.float32)
    assert len(collection.search(query, k=100)) == len(collection)


@pytest.mark.parametrize("digits", [8, 12, 63, 64])
def test_a_picture_is_got_by_the_beginning_of_its_id(collection: Collection, digits: int) -> None:
    image_id = collection.add(png(1))
    assert collection.get(image_id[:digits]).image.id == image_id
    assert collection.pictures.read(image_id[:digits]) == png(1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("0" * 7, "8 to 64 of 0-9a-f, got '0000000'"),
        ("A" * 64, "8 to 64 of 0-9a-f"),
        ("0" * 65, "8 to 64 of 0-9a-f"),
        ("", "8 to 64"),
        ("0" * 8, "no picture in the collection has an id that begins with 00000000"),
        (5, "as a text, got int: 5"),
        (None, "as a text, got NoneType"),
    ],
)
def test_what_is_no_id_or_not_there_says_so(collection: Collection, asked: Any, said: str) -> None:
    collection.add(png(1))
    with pytest.raises(NotIndexed, match=said):
        collection.get(asked)


def test_a_beginning_that_several_ids_share_names_them(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(collection._parts.catalog), "find_ids", lambda *_, **__: ["12345678a", "12345678b"])
    with pytest.raises(NotIndexed, match="for example 12345678a and 12345678b"):
        collection.get("12345678")


@pytest.mark.parametrize("k", [0, -1, True, 2.0, "3", None, np.float32(2)])
def test_k_is_a_whole_number_of_at_least_one(collection: Collection, k: Any) -> None:
    with pytest.raises(BadQuery, match="expected k "):
        collection.search(png(1), k=k)


@pytest.mark.parametrize("count", [-1, True, 2.5, "3", None])
def test_pages_and_spreads_are_asked_for_by_whole_numbers(collection: Collection, count: Any) -> None:
    collection.add(png(1))
    for ask in (
        lambda: collection.pictures.list(limit=count),
        lambda: collection.pictures.list(after=count),
        lambda: collection.pictures.spread(count),
    ):
        with pytest.raises(BadQuery, match=r"expected (limit|after|count) "):
            ask()
    assert collection.pictures.list(limit=0) == collection.pictures.list(after=10**30) == []
    assert len(collection.pictures.spread(10**30)) == 1


def test_to_mix_nothing_is_refused(collection: Collection) -> None:
    with pytest.raises(BadQuery, match="got neither"):
        hosting(collection).mix(None)


def test_a_closed_collection_says_that_it_is_closed(collection: Collection) -> None:
    with collection:
        assert repr(collection).endswith("0 pictures>")
    assert repr(collection).endswith("closed>")
    collection.close()
    with pytest.raises(CollectionError, match="closed: open it again"), collection:
        pass


NEEDS_NO_COLLECTION = {"close", "path"}
"""What a closed collection still does."""
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "add": (png(1),),
    "add_model": ("fine", "m.onnx"),
    "add_provisional": (None,),
    "bytes_of": ("a" * 64,),
    "check_upload": (b"",),
    "drawing_of": (png(1), "a" * 64),
    "drop_model": ("fine",),
    "embed": (png(1),),
    "export_to": ("e.parquet",),
    "get": ("a" * 64,),
    "import_from": ("e.parquet",),
    "index": (".",),
    "keeps_metadata_of": ("a" * 64,),
    "label": (None,),
    "mixed": (None,),
    "open_bytes_of": ("a" * 64,),
    "precious": (None,),
    "relabel": ("a" * 64, {}),
    "search": (png(1),),
    "search_vectors": (np.ones((1, D)),),
    "small": ("a" * 64,),
    "spread": (1,),
    "thumbnail": (SimpleNamespace(id="a" * 64, path=None),),
    "verify": (None,),
    "watch": (".",),
    "why": (png(1), "a" * 64),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "add_provisional": {"metadata": {}, "if_still": bool, "claim": None},
    "check_upload": {"size_bytes": 0, "sha256": "", "vector": None, "model": None},
    "mixed": {"more": ["a" * 64]},
    "small": {"min_side": 8},
    "verify": {"tolerance": None},
    "watch": {"stop": threading.Event(), "on_change": print},
}
PUBLIC = sorted({name for name in vars(Collection) if not name.startswith("_")} - NEEDS_NO_COLLECTION)


@pytest.mark.parametrize("name", [*PUBLIC, "__len__", "__contains__"])
def test_a_closed_collection_refuses_everything_in_memory_as_on_disk(collection: Collection, name: str) -> None:
    arguments = ARGUMENTS.get(name, ("a" * 64,) if name == "__contains__" else ())
    collection.close()

    with pytest.raises(CollectionError, match="closed: open it again"):
        methodcaller(name, *arguments, **OPTIONS.get(name, {}))(collection)


@pytest.mark.parametrize(
    ("method", "given", "meant"),
    [
        ("search", {"colapse": "group"}, "collapse"),
        ("search", {"top_k": 3}, None),
        ("index", {"excluding": ["x"]}, "exclude"),
    ],
)
def test_an_option_that_is_not_there_is_told_with_those_that_are(
    collection: Collection, method: str, given: dict[str, Any], meant: str | None
) -> None:
    with pytest.raises(TypeError, match=f"no option '{next(iter(given))}'") as told:
        getattr(collection, method)(png(1), **given)
    assert ("Did you mean" in str(told.value)) == (meant is not None)
    for option in {"search": ["k", "where", "crop", "recall"], "index": ["prune", "dry_run", "metadata"]}[method]:
        assert re.search(rf"\b{option}\b", str(told.value))
    if meant is not None:
        assert f"Did you mean {meant!r}?" in str(told.value)


# Searching


def test_a_query_may_have_any_form(collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = album(photos, 5)
    collection.index(photos)
    monkeypatch.chdir(photos)
    image_id = collection.add(paths[2])
    vector = collection.embed(paths[2])[0]

    for query in (
        paths[2],
        "2.png",
        png(2),
        picture(2),
        np.asarray(picture(2)),
        image_id,
        image_id[:8],
        vector,
        vector * 9,
    ):
        result = collection.search(query, k=2)
        assert result[0].path == str(paths[2]), query
        assert result[0].rank == 1
        assert len(result) == 2
        if not isinstance(query, np.ndarray | type(picture(2))) or query is vector:
            assert result[0].similarity == pytest.approx(1, abs=2e-3)
        assert "embed" in result.timings_ms


def test_the_text_of_a_query_is_for_people(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = album(photos, 2)
    collection.index(photos)
    monkeypatch.setattr("lookalike.search.understand.read_standard_input", lambda **_: png(1))
    monkeypatch.setattr("lookalike.storage.fetch.fetch", lambda url, **_: png(1))

    def text(query: Any) -> str:
        return collection.search(query).query

    assert text(paths[0]) == "0.png"
    assert text(str(paths[0])) == "0.png"
    assert text("https://host/x.png") == "https://host/x.png"
    assert text("-") == "standard input"
    assert text(f"2*{paths[0]} - {paths[1]}") == f"2*{paths[0]} - {paths[1]}"
    assert text(png(1)) == "the picture given"
    assert text(np.ones(D)) == "a vector"


def test_an_expression_finds_what_the_sum_finds(collection: Collection, photos: Path) -> None:
    paths = album(photos, 6)
    collection.index(photos)
    a, b = collection.embed(paths[0], paths[1])

    result = collection.search(f"2*{paths[0]} - {paths[1]}", k=6)

    np.testing.assert_allclose(
        [hit.similarity for hit in result], [hit.similarity for hit in collection.search(2 * a - b, k=6)], atol=1e-6
    )


def test_a_crop_searches_for_a_part(collection: Collection, photos: Path) -> None:
    write(photos / "a.png", 1)
    part = np.asarray(picture(1))[:8, 4:12]
    collection.add(part)
    collection.add(photos / "a.png")

    for crop in ("4,0,8,8", "0.3333333,0.0,0.6666667,1.0"):
        (hit, *_) = collection.search(photos / "a.png", crop=crop)
        assert (hit.width, hit.height) == (8, 8)
        assert hit.similarity == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    ("query", "options", "error"),
    [
        ("nothing.png", {}, BadQuery),
        ("ffffffff", {}, NotIndexed),
        (png(1), {"k": 0}, BadQuery),
        (png(1), {"crop": "1,2,3"}, BadQuery),
        (png(1), {"crop": "50,0,5,5"}, BadQuery),
        (png(1), {"where": "width >"}, BadFilter),
        (png(1), {"where": {"width": {"above": 5}}}, BadFilter),
        (b"no picture", {}, ImageRefused),
        (np.ones(D + 1), {}, DimensionMismatch),
        (np.zeros(D), {}, BadVectors),
        (np.full(D, np.nan), {}, BadVectors),
        (np.ones(D), {"crop": "0,0,5,5"}, BadQuery),
        (np.zeros((5, 5, 7), np.uint8), {}, BadInput),
        ("http://127.0.0.1:9/a.png", {}, FetchRefused),
        (None, {}, BadInput),
    ],
)
def test_what_cannot_be_searched_for_is_refused(query: Any, options: Any, error: type[Exception]) -> None:
    collection = new_collection()
    collection.add(png(1))
    with pytest.raises(error):
        collection.search(query, **options)


def test_a_filter_may_have_any_form(collection: Collection) -> None:
    for n in range(4):
        collection.add(png(n), metadata={"n": n, "even": n % 2 == 0})
    forms: list[Any] = ["n > 0", {"n": {"gt": 0}}, Filter.parse("n > 0"), ["n > 0", "n < 9"]]

    for form in forms:
        assert collection.search(png(3), where=form)[0].metadata["n"] == 3
        assert len(collection.search(png(3), where=form)) == 3
    assert not read_filter(None)


# Looking at, embedding, removing


def test_embedding_takes_nothing_in(collection: Collection, photos: Path) -> None:
    path = write(photos / "a.png", 1)

    vectors = collection.embed(path, png(2), picture(3))

    assert vectors.shape == (3, D)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert collection.embed().shape == (0, D)
    assert len(collection) == 0


def test_a_picture_that_is_not_there_is_not_got(collection: Collection) -> None:
    image_id = collection.add(png(1))
    assert collection.get(image_id).image.width == 12
    for unknown in ("f" * 64, "", "zero\0byte", image_id.upper()):
        with pytest.raises(NotIndexed):
            collection.get(unknown)
        assert unknown not in collection
    assert 5 not in collection


def test_pictures_are_removed_by_path_id_beginning_and_filter(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = album(photos, 6)
    write(photos / "copy.png", 0)
    collection.index(photos, metadata={str(paths[4]): {"label": "x"}, str(paths[5]): {"label": "x"}})
    monkeypatch.chdir(photos)
    ids = {path.name: collection.add(path) for path in paths}

    assert collection.remove("0.png", paths[1]) == 2
    assert collection.remove(ids["2.png"], ids["3.png"][:8], ids["3.png"]) == 2
    assert collection.remove(where="label = x") == 2
    assert collection.remove() == 0
    assert (len(collection), collection.info().files, collection.info().index.count) == (0, 0, 0)
    assert (photos / "0.png").exists()
    assert len(collection.search(png(1))) == 0


def test_labels_return_with_a_picture_unless_it_was_removed_forever(collection: Collection, photos: Path) -> None:
    first, second = album(photos, 2)
    labels = {str(path): {"label": path.name} for path in (first, second)}
    collection.index(photos, metadata=labels)
    ids = [collection.add(path) for path in (first, second)]

    assert collection.remove(first, second) == 2
    assert collection.info().forgotten == 2
    assert collection.remove(ids[1][:10], forever=True) == 1
    with pytest.raises(NotIndexed):
        collection.remove(ids[1], forever=True)
    assert collection.index(photos).labels_returned == 1

    assert collection.get(ids[0]).image.metadata == {"label": first.name}
    assert collection.get(ids[1]).image.metadata == {}
    assert collection.remove(first, forever=True) == 1
    collection.add(first)
    assert collection.get(ids[0]).image.metadata == {}


def test_nothing_is_removed_when_one_of_them_is_unknown(collection: Collection, photos: Path) -> None:
    image_id = collection.add(png(1))
    for unknown in ("f" * 64, "0" * 7, "", "nothing.png"):
        with pytest.raises(NotIndexed):
            collection.remove(image_id, unknown)
    with pytest.raises(BadInput, match="as a path, which has no NUL"):
        collection.remove(image_id, "zero\0byte")
    assert len(collection) == 1


@pytest.mark.parametrize("where", [{}, [], Filter.everything()])
def test_a_filter_that_asks_nothing_does_not_remove_everything(collection: Collection, where: Any) -> None:
    collection.add(png(1))
    with pytest.raises(BadFilter, match="would remove every picture"):
        collection.remove(where=where)
    assert len(collection) == 1


def test_the_bytes_of_a_removed_picture_are_deleted(photos: Path) -> None:
    parts = new_parts()
    collection = Collection(parts, threads=1, read_only=False)
    first, second = collection.add(png(1)), collection.add(png(2))

    collection.remove(first)

    assert list(parts.objects.ids()) == [second]


def test_a_thumbnail_comes_from_any_file_that_still_holds_the_picture(collection: Collection, photos: Path) -> None:
    for name in ("a.png", "b.png"):
        write(photos / name, 1)
    collection.index(photos)
    (hit,) = collection.search(png(1))
    expected = decode(png(1)).pixels

    def shown(hit: Hit) -> bool:
        return bool((collection.pictures.thumbnail(hit) == expected).all())

    assert hit.path == str(photos / "a.png")
    assert shown(hit)
    write(photos / "a.png", 2)
    assert shown(hit)
    (photos / "b.png").unlink()
    with pytest.raises(ImageRefused, match="holds another picture now") as refused:
        collection.pictures.thumbnail(hit)
    assert refused.value.code == "changed"
    (photos / "a.png").unlink()
    with pytest.raises(ImageRefused) as refused:
        collection.pictures.thumbnail(hit)
    assert refused.value.code == "vanished"
    collection.add(png(1))
    assert shown(hit)
    collection.remove(hit.id)
    with pytest.raises((ImageRefused, NotIndexed)):
        collection.pictures.thumbnail(hit)


# Closing, opening, threads and processes


def test_closing_is_idempotent_also_when_nothing_was_done(tmp_path: Path) -> None:
    for use in (lambda c: None, lambda c: c.add(png(1)), lambda c: c.search(png(1))):
        collection = new_collection(tmp_path / "c")
        use(collection)
        collection.close()
        collection.close()
        with pytest.raises(CollectionError, match="closed"):
            len(collection)


def test_a_context_closes_the_collection_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_collection(tmp_path / "c") as collection:
        _ = 1 / 0
    with pytest.raises(CollectionError, match="closed"):
        collection.add(png(1))


def test_the_index_is_saved_and_used_at_the_next_opening(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(photos, 10)
    with new_collection(tmp_path / "c") as collection:
        collection.index(photos)
    with new_collection(tmp_path / "c") as collection:
        collection.add(png(77))
        before = [hit.id for hit in collection.search(png(3), k=11)]

    parts = new_parts(tmp_path / "c")
    monkeypatch.setattr(parts.view, "_build", None)
    with Collection(parts, threads=1, read_only=False) as collection:
        assert [hit.id for hit in collection.search(png(3), k=11)] == before
        assert collection.info().rebuilt_because is None


def test_a_folder_that_cannot_be_written_is_searched_and_not_changed(
    tmp_path: Path, photos: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    album(photos, 5)
    with new_collection(tmp_path / "c") as collection:
        collection.index(photos)
        expected = [hit.id for hit in collection.search(png(3))]
    for path in (tmp_path / "c/snapshots").iterdir():
        if path.name == "CURRENT":
            path.write_text("damaged")
    read_only_folder(tmp_path / "c")

    with new_collection(tmp_path / "c") as collection:
        assert [hit.id for hit in collection.search(png(3))] == expected
        assert [hit.id for hit in collection.search(png(3))] == expected
        assert collection.index(photos, dry_run=True).unchanged == 5
        with pytest.raises(CollectionError):
            collection.add(png(99))


def test_on_a_full_disk_searches_do_not_try_to_save_the_index_each_time(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(png(1))
    tries: list[int] = []

    def save() -> None:
        tries.append(1)
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(LocalView, "save", lambda _: save())
    monkeypatch.setattr("lookalike.view.keeper.FIRST_PAUSE_S", 3600.0)

    for n in range(3):
        assert len(collection.search(png(1), where={"width": {"gt": -n}})) == 1
        collection._open.keeper.join()

    assert len(tries) == 1


HOLDS_THE_LOCK = """
import sys
from pathlib import Path
from tests.collections import new_parts
with new_parts(Path(sys.argv[1])).catalog.transaction():
    print("holds", flush=True)
    sys.stdin.readline()
"""


def test_while_another_process_writes_searching_goes_on_and_writing_says_who(tmp_path: Path, photos: Path) -> None:
    album(photos, 3)
    catalog = open_catalog(tmp_path / "c" / "catalog.sqlite", lock_wait_s=0.3)
    with new_collection(tmp_path / "c", catalog=catalog) as collection:
        collection.index(photos)
        other = subprocess.Popen(
            [sys.executable, "-c", HOLDS_THE_LOCK, str(tmp_path / "c")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds\n"

        assert len(collection.search(png(1))) == 3
        assert collection.index(photos, dry_run=True).unchanged == 3
        assert collection.index(photos).unchanged == 3  # there is nothing to write
        for change in (lambda: collection.add(png(9)), lambda: collection.remove(where="width > 0")):
            with pytest.raises(Locked, match=f"process {other.pid}.*try again later"):
                change()
        other.communicate(b"\n", timeout=60)
        collection.add(png(9))


def test_threads_add_search_and_remove_at_once(collection: Collection, photos: Path) -> None:
    N = 12
    album(photos, N)
    collection.index(photos)
    errors: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)

        return run

    def add(start: int) -> None:
        for n in range(start, start + 10):
            collection.add(png(n))

    def come_and_go() -> None:
        for _ in range(10):
            collection.remove(collection.add(png(999)))

    def index() -> None:
        for n in range(5):
            write(photos / f"new {n}.png", 500 + n)
            collection.index(photos)

    def ask() -> None:
        for _ in range(20):
            result = collection.search(png(3), k=N)
            assert len(result) == N
            assert result[0].path == str(photos / "3.png")

    works = [lambda: add(100), lambda: add(105), come_and_go, index, ask, ask]
    threads = [threading.Thread(target=guarded(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(collection) == N + 15 + 5
    assert collection.info().index.count == len(collection)


def test_of_one_picture_added_and_removed_by_threads_no_bytes_are_lost(photos: Path) -> None:
    parts = new_parts()
    collection = Collection(parts, threads=1, read_only=False)
    image_id = collection.add(png(1))

    def remove() -> None:
        for _ in range(30):
            try:
                collection.remove(image_id)
            except NotIndexed:
                continue

    removing = threading.Thread(target=remove)
    removing.start()
    for _ in range(30):
        collection.add(png(1))
    removing.join()

    assert (image_id in collection) <= parts.objects.has(image_id)


# Several models, second reranked, why


@pytest.fixture
def modelled(tmp_path: Path) -> Iterator[Collection]:
    """Twelve pictures; any name of a model but `other` opens one of seven dimensions, `other` another."""
    parts = new_parts(tmp_path / "c")
    models: dict[str, FakeEmbedder] = {"other": FakeEmbedder(dimension=9, seed=9)}
    open_model = lambda source: models.get(source, FakeEmbedder(dimension=7, seed=7))  # noqa: E731
    parts = replace(
        parts, models=ModelShelf(parts.catalog, parts.embedder, folder=None, open_model=open_model, own_models={})
    )
    with Collection(parts, threads=1, read_only=False) as made:
        for n in range(12):
            made.add(png(n), metadata={"n": n})
        yield made


def shown(result: Any) -> list[object]:
    return [hit.metadata["n"] for hit in result]


def test_several_models_are_weighed_and_named(modelled: Collection) -> None:
    told: list[int] = []
    report = modelled.add_model("fine", "it", progress=lambda report: told.append(report.done))
    assert (report.embedded, told[-1], [one.count for one in modelled.models()]) == (12, 12, [12])
    result = modelled.search(png(3), k=12, mixture="main + 0.5*fine")
    main, fine = (
        {hit.id: hit.similarity for hit in modelled.search(png(3), k=12, mixture=name)} for name in ("main", "fine")
    )
    expected = {one: (main[one] + 0.5 * fine[one]) / 1.5 for one in main}
    assert [hit.id for hit in result] == sorted(expected, key=lambda one: -expected[one])
    np.testing.assert_allclose([hit.similarity for hit in result], sorted(expected.values(), reverse=True), atol=1e-3)
    assert (result.exact, result.model) == (True, "1*main + 0.5*fine")
    assert modelled.search(png(3), mixture="fine").model == "1*fine"
    assert modelled.search(png(3), mixture="main").model == modelled.info().model
    assert modelled.info().further_models == tuple(modelled.models())


def test_a_vector_that_comes_later_changes_the_answer_of_the_mixture(modelled: Collection) -> None:
    modelled.add_model("fine", "it")
    modelled.add(png(50), metadata={"n": 50})
    assert shown(modelled.search(png(50), k=1, mixture="fine")) != [50]
    modelled.add_model("fine", "it")
    assert shown(modelled.search(png(50), k=1, mixture="fine")) == [50]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"mixture": "coarse"}, BadQuery, r"\(main, fine\), got 'coarse'"),
        ({"mixture": "main - fine"}, BadQuery, "models joined by"),
        ({"collapse": "all"}, BadQuery, "expected 'none' or 'group'"),
        ({"recall": 0}, BadQuery, "above 0"),
        ({"recall": 1.01}, BadQuery, "at most 1"),
    ],
)
def test_what_cannot_be_done_says_what_can(
    modelled: Collection, options: Any, error: type[Exception], said: str
) -> None:
    modelled.add_model("fine", "it")
    with pytest.raises(error, match=said):
        modelled.search(png(1), **options)


def test_a_dropped_model_is_forgotten_and_its_name_is_free(modelled: Collection) -> None:
    modelled.add_model("fine", "it")
    by_first = modelled.search(png(3), k=12, rerank="fine")
    modelled.drop_model("fine")
    assert modelled.models() == []
    with pytest.raises(BadInput):
        modelled.drop_model("fine")
    modelled.add_model("fine", "other")
    by_second = modelled.search(png(3), k=12, rerank="fine")
    for result, embedder in (
        (by_first, FakeEmbedder(dimension=7, seed=7)),
        (by_second, FakeEmbedder(dimension=9, seed=9)),
    ):
        rows = embedder.embed([decode(png(n), min_side=embedder.card.input_side).pixels for n in range(12)])
        query = rows[3]
        expected = {n: pytest.approx(float(rows[n] @ query), abs=2e-3) for n in range(12)}
        assert {hit.metadata["n"]: hit.rerank_similarity for hit in result} == expected


def test_a_model_that_the_collection_does_not_know_may_look_again_too(modelled: Collection) -> None:
    result = modelled.search(png(3), k=5, rerank="it")
    reranked = [hit.rerank_similarity for hit in result if hit.rerank_similarity is not None]
    assert (len(reranked), reranked) == (5, sorted(reranked, reverse=True))
    assert "looked at again" in result.plan
    with pytest.raises(BadQuery, match="one picture"):
        modelled.search(np.ones(D), rerank="it")


def test_near_identical_pictures_are_collapsed(modelled: Collection) -> None:
    result = modelled.search(png(3), k=3, collapse="group")
    copies = {modelled.add(np.asarray(picture(3)), metadata={"n": 3, "copy": n}) for n in range(1)}
    again = modelled.search(png(3), k=3, collapse="group")
    assert len({hit.id for hit in again} | set(again[0].group)) == 4
    assert {again[0].id, *again[0].group} == {result[0].id, *copies}


def test_answers_say_whether_they_were_given_before_and_info_counts_them(collection: Collection) -> None:
    collection.add(png(1))
    assert [collection.search(png(1)).cached for _ in range(3)] == [False, True, True]
    facts = collection.info().answers
    assert (facts.entries, facts.hits, facts.misses) == (1, 2, 1)
    assert 0 < facts.size_bytes < facts.max_bytes
    collection.add(png(2))
    assert not collection.search(png(1)).cached
    assert collection.info().answers.outdated == 1


def test_every_fact_is_plain_json(modelled: Collection) -> None:
    modelled.add_model("fine", "it")
    told = json.loads(json.dumps(modelled.search(png(1), rerank="fine", collapse="group").to_dict()))
    assert set(told["hits"][0]) >= {"group", "rerank_similarity", "reason"}
    info = json.loads(json.dumps({**asdict(modelled.info()), "path": ""}))
    assert set(info["answers"]) == {"entries", "size_bytes", "max_bytes", "hits", "misses", "evicted", "outdated"}
    assert [model["name"] for model in info["further_models"]] == ["fine"]


def test_rebuilding_tells_what_was_made_and_saves_it(tmp_path: Path) -> None:
    with new_collection(tmp_path / "c") as collection:
        for n in range(5):
            collection.add(png(n))
        before = collection.search(png(3)).hits
        facts = collection.rebuild()
        assert (facts.engine, facts.count, facts.recall) == ("exact", 5, 1.0)
        assert collection.search(png(3)).hits == before
    parts = new_parts(tmp_path / "c")
    with Collection(parts, threads=1, read_only=False) as collection:
        assert collection.search(png(3)).hits == before
        assert parts.view.generation == 0, "the snapshot was used"


def test_why_takes_any_query_that_is_one_picture(collection: Collection, photos: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra features")
    path = photos / "a.png"
    blots(3).save(path)
    image_id = collection.add(path)
    (hit,) = collection.search(path)
    for query in (
        path,
        str(path),
        path.read_bytes(),
        image_id,
        image_id[:10],
        np.asarray(blots(3)),
    ):
        match = collection.why(query, hit)
        assert match.similarity is not None
        assert match.similarity > 0.5
    assert collection.drawing_of(image_id, image_id).ndim == 3
    with pytest.raises(BadQuery, match="a sum of pictures"):
        collection.why(f"{image_id} + {image_id}", hit)
    with pytest.raises(NotIndexed):
        collection.why(path, "f" * 64)


def test_why_counts_the_points_that_the_second_opinion_counts(collection: Collection, photos: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra features")
    width, height, left, top = 1_900, 1_300, 300, 100
    pixels = shapes(seed=3, width=width, height=height, count=900)
    Image.fromarray(pixels).save(photos / "a.jpg", quality=90)  # which is decoded smaller, to be looked at
    Image.fromarray(pixels[top : top + 1_000, left : left + 1_400]).save(photos / "part.png")
    collection.add(photos / "a.jpg")

    (hit,) = collection.search(photos / "part.png", rerank="local")
    match = collection.why(photos / "part.png", hit)

    assert (match.reason, match.similarity) == (hit.reason, pytest.approx(hit.rerank_similarity))
    assert match.reason == f"{match.agreeing.sum()} of {len(match.agreeing)} points agree on one view"
    moved = np.median(match.hit[match.agreeing] - match.query[match.agreeing], axis=0)
    np.testing.assert_allclose(moved, (left, top), atol=2)


def test_an_answer_says_how_many_a_filter_by_date_leaves_out(collection: Collection, photos: Path) -> None:
    query, *_ = album(photos)
    collection.index(photos)
    for where, count in (
        ("taken_at >= 2000", len(collection)),
        ("taken_at >= 2000 and width < 1", 0),  # they would be left out with one, too
        ("taken_at >= 2000 or width >= 1", 0),  # they are not left out
        ("taken_at >= 2000 and width >= 1 or width < 1", len(collection)),
        ("taken_at not exists", None),
        ("taken_at != 2024", None),
        (None, None),
    ):
        result = collection.search(query, where=where)
        assert (result.without_date, result.to_dict()["without_date"]) == (count, count)
    together = collection.search([query, query], where="taken_at = 2024 or width < 1")
    assert [result.without_date for result in together] == [len(collection)] * 2
