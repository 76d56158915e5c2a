"""What is brought in from others is pinned, hashed, listed with its licence, and asked about."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply import audit, licences
from supply.audit import Allowed, Finding, NotRun, counting, found_by_npm_audit, found_by_pip_audit, read_allowed
from supply.licences import Licence, page, page_licences, python_licences, strong_copyleft
from tests.bare_environment import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK, re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
TODAY = date(2026, 12, 1)


def test_every_pin_has_hashes_and_nothing_else_is_in_the_lock() -> None:
    first = re.search(r"^[^#\n]", LOCK, re.MULTILINE)
    assert first is not None
    body = LOCK[first.start() :]
    one_hash = r" {4}--hash=sha256:[0-9a-f]{64}"
    pin = rf"[a-z0-9-]+==[\w.+!]+( ; [\w.' <>=!]+)? \\\n({one_hash} \\\n)*{one_hash}\n"
    assert re.fullmatch(f"({pin})+", body)
    assert all(line.startswith("#") for line in LOCK[: first.start()].splitlines())


@pytest.mark.parametrize("extra", ["", "all", "bench", "chain", "lint", "serve", "test"])
def test_the_lock_pins_what_the_project_asks_for(extra: str) -> None:
    asked = [Requirement(line) for line in (EXTRAS[extra] if extra else PROJECT["dependencies"])]
    for one in asked:
        if canonicalize_name(one.name) != "lookalike":
            assert one.specifier.contains(PINS[canonicalize_name(one.name)]), one


def test_lock_files_name_no_registry() -> None:
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links|@ ", LOCK)
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "web" / ".npmrc").read_text()
    fetched = {place: one for place, one in PACKAGES.items() if place}
    assert [place for place, one in fetched.items() if "resolved" in one] == []
    assert [place for place, one in fetched.items() if not one.get("integrity", "").startswith("sha512-")] == []


def tracked() -> list[str]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git, and a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}"
    rb"|\bnpm_[A-Za-z0-9]{36}|\bpypi-AgE[A-Za-z0-9_-]{40}|\bxox[bapr]-[0-9]{10}|\blk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\b"
    rb"|(?i:_authToken\s*=)|://[\w.%+-]+:[\w.%+~!*-]{8,}@"
)
KEPT_APART = re.compile(r"(^|/)(keys\.json|\.env|id_(rsa|ed25519)|signing\.key|\.pypirc)$|\.(pem|key|p12|pfx)$")


def test_no_file_of_the_project_holds_a_secret() -> None:
    names = tracked()
    assert [name for name in names if KEPT_APART.search(name)] == []
    found = [(name, match[0][:12]) for name in names if (match := SECRETS.search((ROOT / name).read_bytes()))]
    assert found == []


def test_secrets_are_known_when_they_are_seen() -> None:
    key = b"lk_3f9a01c7_" + b"q" * 43
    for secret in (key, b"AKIA" + b"A" * 16, b"https://me:" + b"p" * 12 + b"@index.example/simple"):
        assert SECRETS.search(b"x = '" + secret + b"'")


def test_what_pip_audit_finds_counts_whatever_its_severity() -> None:
    flaw = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "description": "Bad.\nVery.", "fix_versions": ["2"]}
    looked = found_by_pip_audit(
        json.dumps(
            {
                "dependencies": [
                    {"name": "a", "version": "1", "vulns": [flaw]},
                    {"name": "b", "version": "1", "vulns": []},
                    {"name": "c", "skip_reason": "not found"},
                ]
            }
        )
    )
    assert looked.findings == [Finding(("PYSEC-2026-1", "CVE-2026-1"), "a 1", "not told", "Bad.")]
    assert looked.not_asked == ["c"]
    assert counting(looked.findings, [], today=TODAY) == looked.findings


@pytest.mark.parametrize(
    "output", ["", "nonsense", "[]", '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', "{}"]
)
def test_a_database_that_tells_nothing_is_not_one_that_knows_nothing(output: str) -> None:
    with pytest.raises(NotRun):
        found_by_pip_audit(output)


def test_one_that_knows_nothing_even_of_an_old_release_was_not_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = {"dependencies": [{"name": "a", "version": "1", "vulns": []}], "vulnerabilities": {}}
    known = {
        "dependencies": [{"name": "urllib3", "version": "1", "vulns": [{"id": "CVE-1"}]}],
        "vulnerabilities": {"lodash": {"via": [{"url": "x/GHSA-1", "severity": "high", "title": "Bad."}]}},
    }
    of_old = nothing

    def output(command: list[str], folder: Path) -> str:
        is_ours = "requirements.lock" in command or folder == ROOT / "web"
        if not is_ours and "npm" in command:
            assert "lodash" in (folder / "package-lock.json").read_text()
        return json.dumps(nothing if is_ours else of_old)

    monkeypatch.setattr(audit, "_output", output)
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess("", 0))
    assert audit.main() == 0
    assert capsys.readouterr().out.count("not run: database not reachable (nor does it know") == 2
    of_old = known
    assert audit.main() == 0
    assert capsys.readouterr().out.count(": 0 findings, 0 of which count") == 2


def test_what_npm_audit_finds_counts_from_high_on() -> None:
    vulnerabilities = {
        name: {"severity": severity, "via": [{"url": f"x/GHSA-{name}", "severity": severity, "title": "Bad."}, "other"]}
        for name, severity in (("a", "low"), ("b", "moderate"), ("c", "high"), ("d", "critical"))
    }
    looked = found_by_npm_audit(json.dumps({"vulnerabilities": vulnerabilities}))
    assert [one.package for one in looked.findings] == ["a", "b", "c", "d"]
    assert [one.package for one in counting(looked.findings, [], today=TODAY)] == ["c", "d"]
    assert found_by_npm_audit('{"vulnerabilities": {}}').findings == []


def test_npm_audit_without_its_registry_is_not_run_and_an_error_of_another_kind_fails() -> None:
    unanswered = '{"message": "request to https://x.example/ failed, reason: connect ECONNREFUSED", "error": {}}'
    refused = '{"message": "405", "statusCode": 405, "error": {}}'
    for output in (refused, '{"error": {"code": "ENOTFOUND"}}', unanswered, "", "?"):
        with pytest.raises(NotRun):
            found_by_npm_audit(output)
    with pytest.raises(RuntimeError, match="no lock"):
        found_by_npm_audit('{"error": {"code": "ENOLOCK", "summary": "no lock"}}')


def test_a_finding_passes_by_any_of_its_names_until_its_day() -> None:
    finding = Finding(("PYSEC-2026-1", "CVE-2026-1"), "a 1", "not told", "Bad.")
    allowed = [Allowed("CVE-2026-1", "it is not called", TODAY)]
    assert counting([finding], allowed, today=TODAY) == []
    assert counting([finding], allowed, today=TODAY.replace(day=2)) == [finding]


def test_what_is_let_pass_has_a_reason_and_a_day() -> None:
    read_allowed((ROOT / "supply" / "allowed.toml").read_text())
    good = '[[allowed]]\nid = "CVE-1"\nreason = "not called"\nuntil = 2027-01-31\n'
    assert read_allowed(good) == [Allowed("CVE-1", "not called", date(2027, 1, 31))]
    for line in good.splitlines()[1:]:
        with pytest.raises(ValueError, match="a reason and a day"):
            read_allowed(good.replace(line, ""))


def test_an_audit_that_cannot_ask_says_so_and_passes_and_one_that_finds_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Done:
        stdout = stderr = ""
        returncode = 0

    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: Done())
    assert audit.main() == 0
    assert capsys.readouterr().out.count("not run: database not reachable") == 2
    flaws = {"a": {"via": [{"url": "x/GHSA-1", "severity": "high", "title": "Bad."}]}}
    Done.stdout = json.dumps({"vulnerabilities": flaws, "dependencies": []})
    assert audit.main() == 1
    assert "COUNTS  a: GHSA-1 (high): Bad." in capsys.readouterr().out
    Done.stdout = '{"error": {"code": "ENOLOCK", "summary": "no lock"}, "dependencies": []}'
    assert audit.main() == 1
    assert "== npm audit: no lock" in capsys.readouterr().out
    Done.returncode, Done.stderr = 2, "what is this"
    assert audit.main() == 1
    assert "cannot read requirements.lock: what is this" in capsys.readouterr().out


def listed(section: str) -> set[str]:
    text = licences.PAGE.read_text()
    body = text[text.index(f"## {section}\n") :].removeprefix("## ").partition("\n## ")[0]
    return set(re.findall(r"^\| ([@\w/.-]+) \| [^|]+ \|", body, re.MULTILINE)) - {"package"}


def test_everything_that_an_installation_brings_is_in_the_list_of_licences() -> None:
    names = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert names <= listed("With every installation")
    for extra in EXTRAS.keys() - licences.NOT_AT_RUN_TIME:
        names = {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]}
        assert names <= listed(f"With the extra `{extra}`"), extra
    assert {one.package for one in page_licences()} == listed("In the search page")


def test_the_list_of_licences_is_what_the_packages_say() -> None:
    for module in ("torch", "cv2", "sklearn", "pandas", "pyarrow", "redis", "pillow_heif", "watchfiles"):
        if find_spec(module) is None:
            pytest.skip(f"needs every extra, and there is no {module}")
    assert licences.PAGE.read_text() == page()


def test_no_licence_forbids_the_use_and_strong_copyleft_is_told() -> None:
    assert strong_copyleft([Licence("a", "GPL-3.0-or-later"), Licence("b", "AGPL-3.0-only")]) != []
    for fine in ("LGPL-2.1-or-later", "MIT", "GPL-3.0-or-later WITH GCC-exception-3.1", "MPL-2.0"):
        assert strong_copyleft([Licence("a", fine)]) == [], fine
    rows = re.findall(r"^\| ([@\w/.-]+) \| ([^|]+) \| ([^|]*) \|$", licences.PAGE.read_text(), re.MULTILINE)
    assert [name for name, licence, _ in rows if strong_copyleft([Licence(name, licence)])] == []
    assert [
        name for name, licence, _ in rows if re.search(r"(?i)not told|unknown|proprietary|non-?commercial", licence)
    ] == []
    assert [name for name, _, note in rows if "strong copyleft" in note] == ["pillow-heif"]
    assert set(python_licences_if_installed()) <= {name for name, _, _ in rows}


def python_licences_if_installed() -> list[str]:
    try:
        return [one.package for some in python_licences().values() for one in some]
    except LookupError:
        return []
