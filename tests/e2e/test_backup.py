"""`lookalike backup` beside a service that takes pictures in, removes them, and has jobs waiting."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2

from tests.e2e.conftest import Album, Command
from tests.e2e.test_service import Served, jpeg, serving, sha256
from tests.waiting import eventually

IMAGES = "/v1/collections/c/images"
UPLOADS = "/v1/collections/c/uploads"
BEFORE, QUEUED, DELETED = range(100, 112), range(200, 206), range(100, 103)


def key_of(keys: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "lookalike", "key", "add", "shop", "--scope", "admin", "--keys", str(keys)]
    done = subprocess.run([*command, "-q"], capture_output=True, text=True, check=True)
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def add(served: Served, key: dict[str, str], seed: int, mode: str = "") -> httpx2.Response:
    return served.post(IMAGES + mode, files={"image": jpeg(seed)}, headers=key)


def delete(served: Served, key: dict[str, str], seed: int) -> int:
    return httpx2.delete(f"{served.url}{IMAGES}/{sha256(jpeg(seed))}", headers=key, timeout=60).status_code


class Traffic:
    """Takes pictures in and removes some of them again, at once or by the queue, until it is told to stop."""

    def __init__(self, served: Served, key: dict[str, str]) -> None:
        self._served, self._key = served, key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(start,)) for start in (1_000, 2_000)]
        self.done = 0

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, start: int) -> None:
        for seed in range(start, start + 500):
            if self._stop.is_set():
                return
            assert add(self._served, self._key, seed, "?mode=queued" if seed % 3 == 0 else "").status_code < 300
            if seed % 2 == 0:
                delete(self._served, self._key, seed)
            self.done += 1


def ended(served: Served, key: dict[str, str], jobs: list[str]) -> list[str]:
    def states() -> list[str]:
        told = [httpx2.get(f"{served.url}/v1/jobs/{job}", headers=key, timeout=60).json()["state"] for job in jobs]
        return [] if {"queued", "running"} & set(told) else told

    return eventually(states)


def pictures_of(served: Served, key: dict[str, str]) -> dict[str, int]:
    """Each picture, and what asking for its bytes is answered with."""
    listed = httpx2.get(f"{served.url}{IMAGES}?limit=200", headers=key, timeout=60).json()
    assert not listed["has_more"]
    return {
        one["id"]: httpx2.get(f"{served.url}{IMAGES}/{one['id']}/file", headers=key, timeout=60).status_code
        for one in listed["data"]
    }


def test_all_that_was_acknowledged_before_a_backup_is_served_from_it_and_nothing_is_half(
    album: Album, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    key = key_of(keys)
    home = album.collection.parent / "home"
    with serving(album, "--keys", str(keys)) as served:
        assert served.get("/v1/collections/c").status_code == 401
        with Traffic(served, key) as traffic:
            for seed in BEFORE:
                assert add(served, key, seed).json()["data"][0]["status"] == "added"
            jobs = [add(served, key, seed, "?mode=queued").json()["data"][0]["job_id"] for seed in QUEUED]
            assert [delete(served, key, seed) for seed in DELETED] == [204] * len(DELETED)
            command = [sys.executable, "-m", "lookalike", "backup", "make", str(tmp_path / "backup")]
            places = ["-c", str(album.collection), "--home", str(home), "--keys", str(keys), "--json"]
            before = traffic.done
            made = subprocess.run([*command, *places], capture_output=True, text=True, check=False)
            assert made.returncode == 0, made.stderr
            while traffic.done <= before:  # it goes on
                time.sleep(0.01)
    assert json.loads(made.stdout)["damaged"] == []

    again = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-m", "lookalike", "backup", "restore", str(tmp_path / "backup"), str(again)], check=True
    )
    restored = Album(album.photos, again / "c.lookalike")
    with serving(restored, "--home", str(again), "--keys", str(again / "keys.json")) as served:
        assert served.get("/v1/collections/c").status_code == 401
        assert set(ended(served, key, jobs)) == {"done"}
        pictures = pictures_of(served, key)
        kept = {sha256(jpeg(seed)) for seed in (*BEFORE, *QUEUED) if seed not in DELETED}
        assert kept <= set(pictures)
        assert not {sha256(jpeg(seed)) for seed in DELETED} & set(pictures)
        assert set(pictures.values()) == {200}
        for seed in (BEFORE[-1], QUEUED[-1]):
            reply = served.post("/v1/collections/c/search", files={"image": jpeg(seed)}, headers=key).json()
            assert reply["hits"][0]["id"] == sha256(jpeg(seed))
        assert add(served, key, 999).json()["data"][0]["status"] == "added"
    examined = subprocess.run(
        [sys.executable, "-m", "lookalike", "doctor", "-c", str(restored.collection), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(examined.stdout)["findings"]
    assert [one for one in findings if one["check"] in ("catalog", "objects") and one["status"] != "ok"] == []


def test_an_older_copy_that_takes_the_place_of_a_collection_is_served_without_a_restart(
    album: Album, tmp_path: Path, command: Command
) -> None:
    with serving(album) as served:
        assert add(served, {}, 100).json()["data"][0]["status"] == "added"
        places = ("-c", album.collection, "--home", album.collection.parent / "home")
        assert command("backup", "make", tmp_path / "b", *places).code == 0
        assert add(served, {}, 101).json()["data"][0]["status"] == "added"
        assert delete(served, {}, 100) == 204
        assert command("backup", "restore", tmp_path / "b", tmp_path / "r").code == 0
        album.collection.rename(tmp_path / "aside")
        (tmp_path / "r" / "c.lookalike").rename(album.collection)

        before = {sha256(jpeg(seed)) for seed in (100, 101)}
        eventually(lambda: before & set(pictures_of(served, {})) == {sha256(jpeg(100))})
        reply = served.post("/v1/collections/c/search", files={"image": jpeg(100)}).json()
        assert reply["hits"][0]["id"] == sha256(jpeg(100))
        assert add(served, {}, 102).json()["data"][0]["status"] == "added"
    with_all = command("info", "-c", album.collection, "--json")
    assert json.loads(with_all.stdout)["images"] == 8


def test_a_backup_of_one_collection_needs_no_service(command: Command, album: Album, tmp_path: Path) -> None:
    made = command("backup", "make", tmp_path / "b", "-c", album.collection)
    checked = command("backup", "check", tmp_path / "b")
    restored = command("backup", "restore", tmp_path / "b", tmp_path / "a place")
    found = command(
        "search", album.photos / "3.jpg", "-c", tmp_path / "a place" / "c.lookalike", "-k", "1", "--paths-only"
    )
    assert (made.code, checked.code, restored.code) == (0, 0, 0)
    assert "1 collection, 6 pictures" in made.stderr
    assert checked.stderr.startswith("Whole: ")
    assert f"lookalike serve --home '{tmp_path / 'a place'}'" in restored.stderr
    assert found.text == f"{album.photos / '3.jpg'}\n"


def test_a_damaged_backup_is_told_with_what_is_damaged(command: Command, album: Album, tmp_path: Path) -> None:
    command("backup", "make", tmp_path / "b", "-c", album.collection)
    os.truncate(tmp_path / "b" / "c.lookalike" / "catalog.sqlite", 8192)
    for words in (("check", tmp_path / "b"), ("restore", tmp_path / "b", tmp_path / "r")):
        outcome = command("backup", *words)
        assert outcome.code == 65
        assert "c.lookalike/catalog.sqlite was changed" in outcome.stderr
    assert not (tmp_path / "r").exists()


def test_a_backup_of_somebody_else_says_nothing_to_the_terminal(command: Command, album: Album, tmp_path: Path) -> None:
    command("backup", "make", tmp_path / "b", "-c", album.collection)
    note, sums = tmp_path / "b" / "backup.json", tmp_path / "b" / "SHA256SUMS"
    told = {**json.loads(note.read_text()), "made": "now\n\x1b[2J", "lookalike": "1\u202e", "damaged": ["\x1b[2Ja"]}
    note.write_text(json.dumps(told))
    listed = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join([*listed[:-1], f"{sha256(note.read_bytes())}  backup.json\n"]))
    checked = command("backup", "check", tmp_path / "b")
    assert checked.code == 3
    whole, damaged = checked.stderr.splitlines()
    assert whole.startswith("Whole: 1 collection, 6 pictures, ")
    assert whole.endswith(r", made now\n\x1b[2J by Lookalike 1\u202e.")
    assert damaged == r"damaged before it was copied: \x1b[2Ja"


def test_what_was_damaged_before_is_told_by_each_command(command: Command, album: Album, tmp_path: Path) -> None:
    objects = album.collection / "objects" / "00"
    objects.mkdir(parents=True)
    (objects / ("0" * 62)).write_bytes(b"not these bytes")
    made = command("backup", "make", tmp_path / "b", "-c", album.collection)
    checked = command("backup", "check", tmp_path / "b")
    assert (made.code, checked.code) == (3, 3)
    assert "damaged before it was copied: c.lookalike: " in made.stderr
    assert "damaged before it was copied: c.lookalike: " in checked.stderr


def test_a_collection_without_its_catalog_is_told_by_name_or_in_the_home(
    command: Command, album: Album, tmp_path: Path
) -> None:
    shutil.copytree(album.collection, tmp_path / "home" / "other.lookalike")
    (tmp_path / "home" / "other.lookalike" / "catalog.sqlite").unlink()
    in_home = command("backup", "make", tmp_path / "b", "-c", album.collection, "--home", tmp_path / "home", "--json")
    (album.collection / "catalog.sqlite").unlink()
    by_name = command("backup", "make", tmp_path / "b2", "-c", album.collection)

    assert (in_home.code, by_name.code) == (3, 3)
    assert json.loads(in_home.stdout)["collections"] == {"c.lookalike": 6}
    assert "other.lookalike: left out: " in in_home.stderr
    assert "c.lookalike: left out: " in by_name.stderr


def test_what_is_meant_is_said_where_the_words_are_wrong(command: Command, album: Album, tmp_path: Path) -> None:
    assert command("backup", "make").code == 2
    assert command("backup", "restore", tmp_path / "b").code == 2
    assert command("backup", "check", tmp_path / "b", "-c", album.collection).code == 2
    nothing = command("backup", "make", tmp_path / "b", "--home", tmp_path / "none")
    assert nothing.code == 1
    assert "there is no collection" in nothing.stderr
    assert not (tmp_path / "b").exists()
    taken = command("backup", "make", album.photos, "-c", album.collection)
    assert taken.code == 65
    assert "expected a new folder" in taken.stderr
