"""Recall, groups, several models, second reranked and engines, from the command line as users have it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from PIL import Image

import lookalike
from lookalike.index.projection import LEAST_TO_LEARN
from tests.collections import album
from tests.e2e.conftest import Album, Command
from tests.unit.images.pictures import encoded
from tests.unit.small_collection import picture

PICTURES, COPIES = 8, 3
FINER_LEARNT = "info: the projection of the model fine is learnt"


@pytest.fixture(scope="session")
def detailed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos`, of which the first is there in three more qualities, and its collection `c`."""
    place = tmp_path_factory.mktemp("detailed")
    (place / "photos").mkdir()
    for n in range(PICTURES):
        (place / "photos" / f"{n}.jpg").write_bytes(encoded(picture(n, side=320), "JPEG", quality=95))
    for quality in (85, 88, 91)[:COPIES]:
        (place / "photos" / f"copy {quality}.jpg").write_bytes(encoded(picture(0, side=320), "JPEG", quality=quality))
    with lookalike.open(place / "c") as collection:
        collection.index(place / "photos")
    return place


@pytest.fixture
def detailed(detailed_once: Path, tmp_path: Path) -> Album:
    """Eight pictures with detail, and copies of the first."""
    shutil.copytree(detailed_once / "c", tmp_path / "detailed")
    return Album(detailed_once / "photos", tmp_path / "detailed")


def test_recall_1_is_exact(process: Command, detailed: Album) -> None:
    outcome = process("search", detailed.photos / "3.jpg", "-c", detailed.collection, "--recall", "1", "--json")
    reply = json.loads(outcome.stdout)
    assert outcome.code == 0
    assert (reply["exact"], reply["scanned"], reply["cached"]) == (True, PICTURES + COPIES, False)
    assert reply["index"]["recall"] == 1


def test_copies_are_collapsed_into_one_hit(process: Command, detailed: Album) -> None:
    arguments = ["search", str(detailed.photos / "0.jpg"), "-c", str(detailed.collection), "-k", "3"]
    alone = json.loads(process(*arguments, "--json").stdout)["hits"]
    outcome = process(*arguments, "--collapse", "group")
    hits = json.loads(process(*arguments, "--collapse", "group", "--json").stdout)["hits"]
    assert {Path(hit["path"]).name[:4] for hit in alone} <= {"0.jp", "copy"}
    assert "+3 alike" in outcome.text.splitlines()[1]
    assert "one of each group" in outcome.stderr
    assert [len(hit["group"]) for hit in hits] == [COPIES, 0, 0]
    assert {hit["id"] for hit in alone} < {hits[0]["id"], *hits[0]["group"]}


def test_a_further_model_is_added_listed_weighed_and_dropped(process: Command, detailed: Album) -> None:
    collection = ["-c", str(detailed.collection)]
    assert "No further models" in process("model", "list", *collection).stderr
    added = process("model", "add", "fine", "fp32", *collection)
    again = process("model", "add", "fine", "fp32", *collection, "--json")
    assert (added.code, again.code) == (0, 0)
    assert f"Done: {PICTURES + COPIES} pictures embedded by fine" in added.stderr
    assert (json.loads(again.stdout)["embedded"], json.loads(again.stdout)["total"]) == (0, 0)
    assert f"fine  9973913dd042  1280 dimensions  {PICTURES + COPIES} of" in process("model", "list", *collection).text
    (model,) = json.loads(process("model", "list", *collection, "--json").stdout)["models"]
    assert (model["name"], model["count"]) == ("fine", PICTURES + COPIES)
    assert "model fine" in process("info", *collection).text
    query = ["search", str(detailed.photos / "3.jpg"), *collection, "-k", "2", "--json"]
    weighed = json.loads(process(*query, "--mixture", "main + 0.5*fine").stdout)
    assert (Path(weighed["hits"][0]["path"]).name, weighed["model"]) == ("3.jpg", "1*main + 0.5*fine")
    unknown = process(*query, "--mixture", "main + coarse")
    assert (unknown.code, unknown.stdout) == (65, b"")
    assert unknown.stderr == (
        "lookalike: expected models of the collection (main, fine), got 'coarse'; "
        "add it with `lookalike model add NAME FILE`\n"
    )
    rerank = json.loads(process(*query, "--rerank", "fine").stdout)["hits"]
    assert rerank[0]["rerank_similarity"] == pytest.approx(1, abs=1e-3)
    assert rerank[0]["reason"] == "compared by fine"
    assert process("model", "drop", "fine", *collection).code == 0
    gone = process("model", "drop", "fine", *collection)
    assert (gone.code, gone.stderr.count("\n")) == (65, 1)


def test_the_second_command_does_not_learn_a_finer_models_projection_again(process: Command, tmp_path: Path) -> None:
    photos, collection = tmp_path / "photos", ["-c", str(tmp_path / "c")]
    album(photos, LEAST_TO_LEARN)
    assert process("index", photos, *collection, "-q").code == 0
    assert process("model", "add", "fine", "fp32", *collection, "-q").code == 0
    search = ["search", str(photos / "3.png"), *collection, "--rerank", "fine", "--json", "-v"]
    first, second = process(*search), process(*search)
    assert [FINER_LEARNT in outcome.stderr for outcome in (first, second)] == [True, False]
    hits = [json.loads(outcome.stdout)["hits"] for outcome in (first, second)]
    assert hits[0] == hits[1]
    assert hits[0][0]["reason"] == "compared by fine"


def test_a_model_of_ones_own_is_kept_with_the_collection(command: Command, detailed: Album, tmp_path: Path) -> None:
    mine = tmp_path / "mine.onnx"
    model = onnx.load(command("model", "path", "--model", "fp32", "-c", tmp_path / "none").text.rstrip("\n"))
    model.doc_string = "another model than that of the install, if only by its hash"
    onnx.save(model, mine)
    assert command("model", "add", "fine", mine, "-c", detailed.collection, "-q").code == 0
    mine.unlink()
    outcome = command("search", detailed.photos / "3.jpg", "-c", detailed.collection, "--mixture", "fine", "--json")
    assert Path(json.loads(outcome.stdout)["hits"][0]["path"]).name == "3.jpg"


def test_pictures_that_a_further_model_cannot_use_are_listed(command: Command, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(3):
        (photos / f"{n}.jpg").write_bytes(encoded(picture(n), "JPEG"))
    command("index", photos, "-c", tmp_path / "c", "-q")
    (photos / "1.jpg").unlink()
    outcome = command("model", "add", "fine", "fp32", "-c", tmp_path / "c")
    assert outcome.code == 3
    assert "1 picture could not be used:\n" in outcome.stderr
    assert str(photos / "1.jpg") in outcome.stderr


def test_local_features_look_again_say_why_and_draw_it(process: Command, detailed: Album, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra features")
    part = tmp_path / "part.png"
    with Image.open(detailed.photos / "5.jpg") as whole:
        whole.crop((40, 30, 280, 250)).save(part)
    drawing = tmp_path / "why.png"
    arguments = ["search", str(part), "-c", str(detailed.collection), "-k", "2", "--rerank", "local"]
    outcome = process(*arguments, "--why", str(drawing))
    hit = json.loads(process(*arguments, "--json").stdout)["hits"][0]
    assert outcome.code == 0
    assert str(drawing) in outcome.stderr
    assert "looked at again by local features" in outcome.stderr
    assert "rerank " in outcome.stderr
    assert Path(hit["path"]).name == "5.jpg"
    assert hit["rerank_similarity"] > 0.5
    assert "agree on one view" in hit["reason"]
    assert hit["reason"] in outcome.text
    with Image.open(drawing) as drawn:
        assert drawn.width > 240


def test_standard_input_and_ids_can_be_drawn_too(command: Command, detailed: Album, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra features")
    data = (detailed.photos / "5.jpg").read_bytes()
    arguments = ["-c", str(detailed.collection), "-k", "1", "--why", str(tmp_path / "why.jpg")]
    assert command("search", "-", *arguments, stdin=data).code == 0
    (tmp_path / "why.jpg").unlink()
    image_id = json.loads(command("search", "-", *arguments[:-2], "--json", stdin=data).stdout)["hits"][0]["id"]
    assert command("search", image_id[:12], *arguments).code == 0
    assert (tmp_path / "why.jpg").read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize("engine", ["IVF4,Flat", "HNSW8", "Flat"])
def test_a_factory_string_makes_the_index_and_answers_the_same(process: Command, detailed: Album, engine: str) -> None:
    collection = ["-c", str(detailed.collection)]
    made = process("rebuild", *collection, "--engine", engine)
    assert (made.code, made.stdout != b"") == (0, True), made.stderr
    assert f"factory {engine}" in made.text
    assert f'engine = "{engine}"' in made.stderr
    query = ["search", str(detailed.photos / "3.jpg"), *collection, "-k", "4", "--recall", "1", "--json"]
    by_faiss, exact = (json.loads(process(*query, "--engine", one).stdout) for one in (engine, "exact"))
    assert (by_faiss["index"]["engine"], exact["index"]["engine"]) == ("faiss", "exact")
    assert [hit["id"] for hit in by_faiss["hits"]] == [hit["id"] for hit in exact["hits"]]
    assert by_faiss["exact"]


def test_rebuild_tells_what_it_made(command: Command, detailed: Album) -> None:
    shown = command("rebuild", "-c", detailed.collection)
    facts = json.loads(command("rebuild", "-c", detailed.collection, "--json").stdout)
    assert "index       exact, 11 pictures, 1280 dimensions" in shown.text
    assert "recall      1: all pictures are compared" in shown.text
    assert shown.stderr == ""
    assert (facts["engine"], facts["count"], facts["recall"], facts["gauge"]) == ("exact", 11, 1, None)
    assert facts["seconds"] >= 0


def test_info_tells_recall_cache_and_engine(command: Command, detailed: Album) -> None:
    shown = command("info", "-c", detailed.collection).text
    facts = json.loads(command("info", "-c", detailed.collection, "--json").stdout)
    assert "recall      1: all pictures are compared\n" in shown
    assert "answers     0 kept, 0 B of 32.0 MB" in shown
    assert set(facts["answers"]) == {"entries", "size_bytes", "max_bytes", "hits", "misses", "evicted", "outdated"}
    assert facts["further_models"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--recall", "0"], 65, "expected a recall above 0 and at most 1, got 0.0"),
        (["--recall", "1.5"], 65, "expected a recall above 0 and at most 1, got 1.5"),
        (["--recall", "much"], 2, "'much' is not a valid float"),
        (["--memory", "much"], 65, "expected a size such as 4G or 512M for memory, got 'much'"),
        (["--memory", "0"], 65, "expected a size such as 4G or 512M for memory, got '0'"),
        (["--collapse", "all"], 2, "'all' is not one of 'none', 'group'"),
        (["--mixture", "fine"], 65, "(main), got 'fine'"),
        (["--mixture", "main - main"], 65, "expected"),
        (["--rerank", "nobody.onnx"], 1, "nobody.onnx"),
        (["--rerank", "int8"], 65, "the collection's own model"),
        (["--why", "why.pdf"], 65, "expected a drawing to end in .jpg, .jpeg or .png"),
        (["--where", "width < 0", "--why", "why.jpg"], 65, "no answer that could be drawn"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    command: Command, album: Album, arguments: list[str], code: int, said: str
) -> None:
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, *arguments)
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert said in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "NONSENSE"], "expected a factory string that FAISS understands, got 'NONSENSE'"),
        (["--engine", "IVF4,Flat", "--memory", "1"], "of memory"),
    ],
)
def test_an_index_that_cannot_be_made_leaves_the_one_that_there_is(
    command: Command, album: Album, arguments: list[str], said: str
) -> None:
    outcome = command("rebuild", "-c", album.collection, *arguments)
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert said in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert command("search", album.photos / "0.jpg", "-c", album.collection, "-q").code == 0


@pytest.mark.parametrize("options", [[], ["--recall", "1"], ["--collapse", "group"], ["--mixture", "main"]])
def test_more_than_there_are_gives_all_and_a_filter_that_nothing_passes_none(
    command: Command, album: Album, options: list[str]
) -> None:
    query = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection), *options]
    everything = json.loads(command(*query, "-k", "1000", "--json").stdout)["hits"]
    assert sum(1 + len(hit["group"]) for hit in everything) == 6
    nothing = command(*query, "--where", "width < 0")
    assert (nothing.code, nothing.stdout) == (0, b"")
    assert "nothing found" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add"], "Expected `lookalike model add NAME SOURCE`"),
        (["add", "fine"], "Expected `lookalike model add NAME SOURCE`"),
        (["drop"], "Expected `lookalike model drop NAME`"),
        (["list", "fine"], "Expected `lookalike model list`"),
        (["show"], "'show' is not one of"),
    ],
)
def test_a_model_command_says_what_it_takes(command: Command, album: Album, arguments: list[str], said: str) -> None:
    outcome = command("model", *arguments, "-c", album.collection)
    assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (2, b"", 1)
    assert said in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "main", "fp32"], 65, "main"),
        (["add", "two words", "fp32"], 65, "two words"),
        (["add", "fine", "nowhere.onnx"], 1, "nowhere.onnx"),
        (["add", "fine", "int8"], 65, ""),
        (["drop", "fine"], 65, "got 'fine'"),
    ],
)
def test_a_model_that_cannot_be_added_or_dropped_is_one_line(
    command: Command, album: Album, arguments: list[str], code: int, said: str
) -> None:
    outcome = command("model", *arguments, "-c", album.collection)
    assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (code, b"", 1)
    assert said in outcome.stderr
    assert json.loads(command("model", "list", "-c", album.collection, "--json").stdout)["models"] == []


def test_the_doctor_examines_an_index_of_the_engine_that_is_wanted(command: Command, detailed: Album) -> None:
    command("rebuild", "-c", detailed.collection, "--engine", "IVF4,Flat", "-q")
    doctor = ["doctor", "-c", str(detailed.collection)]
    assert "was made with engine IVF4,Flat, the setting is auto" in command(*doctor).text
    assert "vectors were compared: they are those of the catalog" in command(*doctor, "--engine", "IVF4,Flat").text
    repaired = command(*doctor, "--repair")
    assert "made anew: 11 vectors" in repaired.text
    assert "its 11 vectors are those of the catalog" in repaired.text
