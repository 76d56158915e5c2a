"""The page in a real browser, against a real service; what is done there is told in `web/e2e`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike
from lookalike.demo.pictures import make_pictures

WEB = Path(__file__).parents[2] / "web"
PAGE = Path(lookalike.__file__).parent / "service" / "page" / "index.html"
PICTURES = 150


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures and their collection, and a damaged one in the home of the service."""
    place = tmp_path_factory.mktemp("page")
    make_pictures(place / "pictures", count=PICTURES)
    with lookalike.open(place / "demo.lookalike") as collection:
        collection.index(place / "pictures")
    damaged = place / "home" / "collections" / "damaged"
    damaged.mkdir(parents=True)
    (damaged / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    return place


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """A service for that collection, as a process."""
    for needed, why in ((PAGE, "the page is not built: make web"), (WEB / "node_modules", "npm has not installed")):
        if not needed.exists():
            pytest.skip(why)
    if not (shutil.which("chromium") and shutil.which("npm")):
        pytest.skip("needs Chromium and npm")
    command = [
        sys.executable,
        "-m",
        "lookalike",
        "serve",
        "-q",
        "-c",
        place / "demo.lookalike",
        "--home",
        place / "home",
    ]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


@pytest.mark.timeout(5_400)  # it took half an hour on a machine at load 30
def test_the_page_does_what_it_says_at_desktop_and_phone_width_in_both_languages(
    url: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {
        **os.environ,
        "LOOKALIKE_URL": url,
        "PICTURES": str(place / "pictures"),
        "SCREENSHOTS": str(tmp_path / "screenshots"),
        "CHROMIUM": shutil.which("chromium") or "",
    }

    done = subprocess.run(["npm", "run", "e2e"], cwd=WEB, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
    _, mark, second_tries = done.stdout.partition("Only at a second try: ")
    if second_tries:
        with capsys.disabled():
            print(f"\n{mark}{second_tries.rstrip()}")


def test_the_clients_example_finds_what_it_is_asked_for(url: str, place: Path) -> None:
    picture = sorted((place / "pictures").rglob("*-01.jpg"))[0]

    done = subprocess.run(
        ["npm", "run", "--silent", "example", "--", "demo", str(picture)],
        cwd=WEB,
        env={**os.environ, "LOOKALIKE_SERVICE": url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.splitlines()[0] == f"1.000 {picture.name}"
