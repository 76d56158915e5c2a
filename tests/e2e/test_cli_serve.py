"""`lookalike serve` as a process: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from lookalike.core.installing import install_line
from tests.e2e.conftest import Album, Command


@contextmanager
def serving(*arguments: str | os.PathLike[str]) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", "lookalike", "serve", "--port", "0", *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_prints_where_it_answers_and_ends_at_a_signal(album: Album, workers: str) -> None:
    with (
        serving("-c", album.collection, "--workers", workers) as process,
        httpx2.Client(base_url=said(process), trust_env=False, timeout=30) as client,
    ):
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["status"] == "ok"
        assert [each["name"] for each in client.get("/v1/collections").json()["data"]] == [album.collection.name]
        assert client.get("/").headers["cross-origin-embedder-policy"] == "require-corp"

        process.send_signal(signal.SIGTERM)

        _, log = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "route=/v1/collections" in log
        assert "Traceback" not in log


def test_for_programs_the_address_is_json(tmp_path: Path) -> None:
    with serving("--home", tmp_path / "home", "--json", "-q") as process:
        assert json.loads(said(process))["address"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0


def test_it_answers_https(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    told = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *told], check=True, capture_output=True)

    with serving("--home", tmp_path / "home", "--tls-certificate", certificate, "--tls-key", key) as process:
        address = said(process)
        assert address.startswith("https://")
        with httpx2.Client(verify=False, trust_env=False, timeout=30) as client:
            assert client.get(f"{address}/livez").status_code == 200


def test_what_cannot_be_served_is_refused_in_one_line(process: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = process("serve", "--home", tmp_path / "home", "--port", port)
    assert (code, out) == (65, b"")
    assert f"port {port}: another program does already" in err.splitlines()[-1]

    assert process("serve", "-c", tmp_path / "nowhere").code == 1
    code, _, err = process("serve", "--home", tmp_path / "home", "--host", "0.0.0.0", "--port", "0")
    assert code == 65
    assert "would let anybody in" in err
    (tmp_path / "no.pem").write_text("not a certificate")
    code, _, err = process(
        "serve", "--tls-certificate", tmp_path / "no.pem", "--tls-key", tmp_path / "no.pem", "--port", "0"
    )
    assert code == 65
    assert "the certificate and key cannot be used" in err


def test_without_its_libraries_it_says_what_to_install(
    process: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    code, _, err = process("serve", "--home", tmp_path / "home")

    assert code == 1
    missing = f"the service needs uvicorn, which is not installed: {install_line('serve')}"
    assert err == f"lookalike: {missing}\n"
