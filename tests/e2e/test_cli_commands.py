"""The smaller commands: remove, info, duplicates, doctor, export, import, model, demo, completion, help."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import lookalike
from lookalike.assembly.service import open_ledger
from lookalike.ledger.base import Upload, UploadState
from lookalike.models.store import MODEL_IDS
from tests.e2e.conftest import PICTURES, Album, Command


def test_info_tells_figures_to_people_and_programs(command: Command, album: Album) -> None:
    shown = command("info", "-c", album.collection).text
    facts = json.loads(command("info", "-c", album.collection, "--json").stdout)
    assert f"pictures    {PICTURES}\n" in shown
    assert facts["images"] == facts["files"] == facts["index"]["count"] == PICTURES
    assert facts["path"] == str(album.collection)


def test_remove_takes_paths_ids_and_filters(command: Command, album: Album) -> None:
    with lookalike.open(album.collection) as collection:
        (first, *_) = collection.search(album.photos / "0.jpg", k=1)
    assert "Removed 1 picture." in command("remove", first.id[:10], "-c", album.collection).stderr
    assert command("remove", album.photos / "1.jpg", "-c", album.collection, "--json").text == '{"removed": 1}\n'
    gone = command("remove", "--where", "name in (2.jpg, 3.jpg)", "--yes", "-c", album.collection)
    assert "Removed 2 pictures." in gone.stderr
    assert (album.photos / "0.jpg").exists()


def test_remove_of_something_unknown_removes_nothing(command: Command, album: Album) -> None:
    outcome = command("remove", album.photos / "0.jpg", "nonsense", "-c", album.collection)
    assert outcome.code == 65
    assert json.loads(command("info", "-c", album.collection, "--json").stdout)["images"] == PICTURES


def test_duplicates_are_grouped_and_what_could_go_is_listed_for_pipes(
    command: Command, album: Album, tmp_path: Path
) -> None:
    twin = tmp_path / os.fsdecode(b"tw\nin \xff.jpg")
    twin.write_bytes((album.photos / "0.jpg").read_bytes())
    command("index", tmp_path, "-c", album.collection, "-q")
    duplicates = ["duplicates", "-c", str(album.collection), "--where", "name = 0.jpg or name ~ tw"]
    shown = command(*duplicates)
    (group,) = json.loads(command(*duplicates, "--json").stdout)["groups"]
    spare = command(*duplicates, "--paths-only", "-0").stdout
    assert "byte-identical" in shown.text
    assert r"tw\nin \xff.jpg" in shown.text
    assert "1 group; 1 identical file could go" in shown.stderr
    assert group["kind"] == "byte-identical"
    assert group["members"][0]["path"] == str(album.photos / "0.jpg")
    assert spare == os.fsencode(twin) + b"\0"


def test_near_files_are_listed_only_where_they_are_asked_for(command: Command, album: Album, tmp_path: Path) -> None:
    near, sheet = tmp_path / "near.jpg", tmp_path / "groups.html"
    with Image.open(album.photos / "0.jpg") as photo:
        large = photo.convert("RGB").resize((240, 160), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    large.save(near, quality=80)
    command("index", tmp_path, "-c", album.collection, "-q")
    duplicates = ["duplicates", "-c", str(album.collection), "--where", f"folder = {tmp_path}"]
    shown = command(*duplicates, "--sheet", sheet)
    assert "near: " in shown.text
    assert "1 near one to be looked at" in shown.stderr
    assert command(*duplicates, "--paths-only").stdout == b""
    assert command(*duplicates, "--paths-only", "--include-near").text == f"{near}\n"
    assert command(*duplicates, "--include-near").code == 2
    (group,) = json.loads(command(*duplicates, "--keep", near, "--json").stdout)["groups"]
    assert group["members"][0]["path"] == str(near)
    assert group["members"][0]["reason"] == f"lies in {near}"
    page = sheet.read_text("utf-8")
    assert page.count("<img") == 2
    assert "keep: " in page
    before = near.read_bytes()
    assert command(*duplicates, "--sheet", near).code != 0
    assert near.read_bytes() == before


def test_no_duplicates_are_no_error(command: Command, album: Album) -> None:
    outcome = command("duplicates", "-c", album.collection, "--where", "name = 0.jpg")
    assert (outcome.code, outcome.stdout) == (0, b"")
    assert "No duplicates" in outcome.stderr


def test_the_doctor_finds_nothing_in_a_healthy_collection(command: Command, album: Album) -> None:
    outcome = command("doctor", "-c", album.collection)
    assert outcome.code == 0
    assert "problem" not in outcome.text


def test_the_doctor_says_what_to_do_and_repairs(command: Command, album: Album) -> None:
    for vectors in album.collection.glob("snapshots/*/vectors.npy"):
        vectors.write_bytes(b"damaged")
    before = json.loads(command("doctor", "-c", album.collection, "--json").stdout)["findings"]
    (worry,) = [finding for finding in before if finding["status"] != "ok" and finding["check"] == "snapshot"]
    after = json.loads(command("doctor", "-c", album.collection, "--repair", "--json").stdout)
    assert "--repair" in worry["advice"]
    assert {finding["check"] for finding in after["repaired"]} == {"model", "snapshot"}
    assert all(finding["status"] == "ok" for finding in after["findings"] if finding["check"] == "snapshot")


def test_the_doctor_sweeps_what_is_left_over_but_not_what_an_upload_waits_for(
    command: Command, album: Album, tmp_path: Path
) -> None:
    home, staged = tmp_path / "home", album.collection / "uploads" / "staged"
    staged.mkdir(parents=True)
    with closing(open_ledger(home)) as ledger:
        for number, state in enumerate([UploadState.QUEUED, UploadState.KEPT]):
            upload = Upload(
                id=f"{number:032x}", collection="c", owner="ann", state=state, size_bytes=3, content_type="image/png",
                sha256="a" * 64, name="a.png", created_at=0.0, expires_at=900.0,
            )  # fmt: skip
            ledger.add_upload(upload)
            (staged / upload.id).write_bytes(b"abc")
            os.utime(staged / upload.id, (0, 0))
    at_home = ("-c", album.collection, "--home", home)
    found = json.loads(command("doctor", *at_home, "--json").stdout)["findings"]
    assert "1 file of 3 bytes (1 staged)" in next(one["what"] for one in found if one["check"] == "leftovers")
    outcome = command("doctor", *at_home, "--sweep")
    assert "sweep: leftovers: deleted: 1 file" in outcome.text
    assert [path.name for path in staged.iterdir()] == [f"{0:032x}"]
    assert json.loads(command("doctor", *at_home, "--sweep", "--json").stdout)["swept"][0]["status"] == "ok"


def test_the_doctor_ends_with_65_where_the_catalog_is_damaged(command: Command, album: Album) -> None:
    catalog = album.collection / "catalog.sqlite"
    catalog.write_bytes(catalog.read_bytes()[:8192] + b"\xa5" * (catalog.stat().st_size - 8192))
    outcome = command("doctor", "-c", album.collection)
    assert outcome.code == 65
    assert "problem  catalog: " in outcome.text


def test_a_collection_goes_through_one_file(command: Command, album: Album, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    file = tmp_path / "all.parquet"
    exported = command("export", file, "-c", album.collection, "--json")
    assert json.loads(exported.stdout) == {"exported": PICTURES, "path": str(file)}
    imported = command("import", file, "-c", tmp_path / "other", "--json")
    assert json.loads(imported.stdout) == {"added": PICTURES, "updated": 0, "unchanged": 0, "files": PICTURES}
    found = command("search", album.photos / "4.jpg", "-c", tmp_path / "other", "-k", "1", "--paths-only")
    assert found.text == f"{album.photos / '4.jpg'}\n"


def exported_as_of(model_id: str, command: Command, album: Album, file: Path) -> Path:
    """An export of the album that says it is of another model."""
    command("export", file, "-c", album.collection)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**row, "lookalike.model_id": model_id}) + "\n" for row in rows))
    return file


def test_a_new_collection_is_made_with_the_model_of_what_it_takes_in(
    command: Command, album: Album, tmp_path: Path
) -> None:
    file, new = exported_as_of(MODEL_IDS["fp32"], command, album, tmp_path / "all.jsonl"), tmp_path / "new"
    refused = command("--model", "int8", "import", file, "-c", new)
    assert (refused.code, new.exists()) == (1, False)
    assert "is of the model fp32" in refused.stderr
    assert json.loads(command("import", file, "-c", new, "--json").stdout)["added"] == PICTURES
    assert json.loads(command("info", "-c", new, "--json").stdout)["model"] == MODEL_IDS["fp32"]
    later = command("import", file, "-c", album.collection)
    assert later.code == 1
    assert "import it into a new collection" in later.stderr


def test_an_import_that_cannot_be_makes_no_collection(command: Command, album: Album, tmp_path: Path) -> None:
    new = tmp_path / "new"
    file = exported_as_of("0" * 64, command, album, tmp_path / "all.jsonl")
    for one in (file, tmp_path / "none.jsonl", tmp_path / "x.csv"):
        assert command("import", one, "-c", new).code != 0
        assert not new.exists()
    assert "name its file with --model" in command("import", file, "-c", new).stderr


def test_the_model_shows_its_card_and_its_file(command: Command, album: Album) -> None:
    card = json.loads(command("model", "-c", album.collection, "--json").stdout)
    path = command("model", "path", "-c", album.collection).text
    assert (card["precision"], card["dimension"]) == ("int8", 1280)
    assert path == f"{card['path']}\n"
    assert "licence     Apache-2.0" in command("model").text


def test_a_model_that_is_not_there_is_an_error(command: Command, tmp_path: Path) -> None:
    outcome = command("model", "--model", tmp_path / "none.onnx")
    assert outcome.code == 1
    assert "none.onnx" in outcome.stderr


def test_the_demo_runs_from_nothing_and_again_quickly(command: Command, tmp_path: Path) -> None:
    first = command("demo", tmp_path / "demo", "--count", "30", "--json")
    second = command("demo", tmp_path / "demo", "--count", "30")
    told = json.loads(first.stdout)
    assert first.code == second.code == 0
    assert told["index"]["added"] + told["index"]["recognised"] == 29
    assert len(told["searches"]) == 3
    assert Path(told["sheet"]).is_file()
    assert "29 unchanged" in second.stderr
    assert second.text.count("What looks like") == len({one["variant"] for one in told["asked"]}) == 3
    assert f"{tmp_path / 'demo' / 'contact-sheet.jpg'}" in second.text
    assert "index ~/Pictures" in second.text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(command: Command, shell: str) -> None:
    assert "_LOOKALIKE_COMPLETE" in command("completion", shell).text


def test_a_shell_gets_its_words(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_LOOKALIKE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "lookalike sea")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert command().text == "plain,search\n"


def test_help_and_version_need_no_collection(command: Command) -> None:
    assert command("--version").text == f"lookalike {lookalike.__version__}\n"
    assert "Commands:" in command("--help").text
    assert "QUERY is a file" in command("search", "-h").text
    nothing = command()
    assert nothing.code == 2
    assert "Commands:" in nothing.stderr


def test_what_happens_is_told_on_request(command: Command, album: Album) -> None:
    for vectors in album.collection.glob("snapshots/*/vectors.npy"):
        vectors.write_bytes(b"damaged")
    query = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection), "-v"]
    assert "info: the index is made anew" in command(*query).stderr
    assert "info:" not in command(*query).stderr
