"""Ask for known weaknesses of what the lock files name: `python -m supply.audit`.

`pip-audit` and `npm audit` ask databases elsewhere. Where those cannot be reached, that is told, and is no failure. The
exit code is 1 where something is found that counts: whatever `pip-audit` finds, for it tells no severity, and what
`npm audit` finds of high or critical severity. `allowed.toml` names what is let pass. A mirror may answer and know
nothing: so where nothing is found, it is asked of an old release, too, of which a weakness has been known for years.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 60
UNREACHABLE = {
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "ENOAUDIT",
    "FETCH_ERROR",
}
PIP_AUDIT = [sys.executable, "-m", "pip_audit", "--disable-pip"]
COUNTS = {"high", "critical", "not told"}


class Finding(NamedTuple):
    """A known weakness: its names in the databases, the first the best known, of which package, and how bad."""

    ids: tuple[str, ...]
    package: str
    severity: str
    what: str


class Looked(NamedTuple):
    """What a database knows of; `not_asked` are packages of which it told nothing."""

    findings: list[Finding]
    not_asked: list[str]


class Allowed(NamedTuple):
    """A finding that is let pass until a day, that day included."""

    id: str
    reason: str
    until: date


class NotRun(Exception):
    """A database was not reached; the message says why."""


def found_by_pip_audit(output: str) -> Looked:
    """Read what `pip-audit --format json` prints.

    Raises:
        NotRun: when it could ask about no package.
    """
    told = _json(output)
    dependencies = told.get("dependencies", [])
    not_asked = [one["name"] for one in dependencies if "skip_reason" in one]
    if len(not_asked) == len(dependencies):
        raise NotRun("its database told nothing of any package")
    findings = [
        Finding((flaw["id"], *flaw.get("aliases", [])), f"{one['name']} {one['version']}", "not told", _line(flaw))
        for one in dependencies
        for flaw in one.get("vulns", [])
    ]
    return Looked(findings, not_asked)


def found_by_npm_audit(output: str) -> Looked:
    """Read what `npm audit --json` prints.

    Raises:
        NotRun: when it could not ask.
        RuntimeError: when it did not want to.
    """
    told = _json(output)
    if "vulnerabilities" not in told:
        error = told.get("error") or {}
        unanswered = str(told.get("message", "")).startswith("request to ")  # then npm gives no code
        if "statusCode" not in told and error.get("code") not in UNREACHABLE and not unanswered:
            raise RuntimeError(f"npm audit: {error.get('summary') or told}")
        raise NotRun(str(told.get("statusCode") or error.get("code") or told["message"].rpartition(": ")[2]))
    findings = [
        Finding((via["url"].rsplit("/", 1)[-1],), name, via["severity"], via["title"])
        for name, one in told["vulnerabilities"].items()
        for via in one["via"]
        if isinstance(via, dict)  # a text names another package that is in the report itself
    ]
    return Looked(findings, [])


def counting(findings: Sequence[Finding], allowed: Sequence[Allowed], *, today: date) -> list[Finding]:
    """Those that are bad enough and not let pass."""
    passing = {one.id for one in allowed if today <= one.until}
    return [one for one in findings if one.severity in COUNTS and not passing & set(one.ids)]


def read_allowed(text: str) -> list[Allowed]:
    """Read `allowed.toml`.

    Raises:
        ValueError: when an entry has no id, no reason or no day.
    """
    entries = _entries(text)
    for one in entries:
        if not one.get("id") or not one.get("reason") or type(one.get("until")) is not date:
            raise ValueError(f"expected an id, a reason and a day of each entry in allowed.toml, got {one}")
    return [Allowed(one["id"], one["reason"], one["until"]) for one in entries]


def asked(ask: Callable[[bool], Looked]) -> Looked:
    """What a database knows of ours.

    Args:
        ask: asks it; if True, of a package with a known weakness instead.
    Raises:
        NotRun: when it cannot be asked, or knows nothing of that package either.
        RuntimeError: when the program does not want to.
    """
    looked = ask(False)
    if not looked.findings and not ask(True).findings:
        raise NotRun("nor does it know of weaknesses that have been known for years")
    return looked


def ask_pip_audit(of_known: bool) -> Looked:
    """Ask of what the lock names, or of an old release; see `asked`."""
    with tempfile.TemporaryDirectory() as place:
        old = Path(place, "old.txt")
        old.write_text("urllib3==1.24.1\n")  # CVE-2019-11324
        about = [str(old), "--no-deps"] if of_known else ["requirements.lock"]
        options = ["--format", "json", "--progress-spinner", "off"]
        return found_by_pip_audit(_output([*PIP_AUDIT, "--requirement", *about, *options], ROOT))


def ask_npm_audit(of_known: bool) -> Looked:
    """Ask of what the lock of the page names, or of an old release; see `asked`."""
    with tempfile.TemporaryDirectory() as place:
        old: dict[str, dict[str, Any]] = {"": {"dependencies": {"lodash": "4.17.11"}}}  # CVE-2019-10744
        old["node_modules/lodash"] = {"version": "4.17.11"}
        Path(place, "package.json").write_text(json.dumps(old[""]))
        Path(place, "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": old}))
        folder = Path(place) if of_known else ROOT / "web"
        return found_by_npm_audit(_output(["npm", "audit", "--json"], folder))


def main() -> int:
    """Ask both, tell, and give the exit code."""
    allowed = read_allowed((ROOT / "supply" / "allowed.toml").read_text())
    today = datetime.now(UTC).date()
    read = subprocess.run(  # offline
        [*PIP_AUDIT, "--requirement", "requirements.lock", "--dry-run"],
        cwd=ROOT,
        timeout=TIMEOUT_S,
        check=False,
        capture_output=True,
        text=True,
    )
    if read.returncode:
        print(f"== pip-audit cannot read requirements.lock: {read.stderr.strip()}")
        return 1
    counted = 0
    for name, ask in (("pip-audit", ask_pip_audit), ("npm audit", ask_npm_audit)):
        try:
            looked = asked(ask)
        except NotRun as error:
            print(f"== {name}: not run: database not reachable ({error})")
            continue
        except RuntimeError as error:
            print(f"== {error}")
            counted += 1
            continue
        found = counting(looked.findings, allowed, today=today)
        for one in looked.findings:
            print(f"{'COUNTS' if one in found else 'passes'}  {one.package}: {one.ids[0]} ({one.severity}): {one.what}")
        if looked.not_asked:
            print(f"== {name}: told nothing of {', '.join(looked.not_asked)}")
        print(f"== {name}: {len(looked.findings)} findings, {len(found)} of which count")
        counted += len(found)
    return 1 if counted else 0


def _output(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotRun(f"no answer within {TIMEOUT_S} s") from None
    if not done.stdout.strip():
        raise NotRun((done.stderr.strip().splitlines() or ["it printed nothing"])[-1].partition(":")[0])
    return done.stdout


def _json(output: str) -> dict[str, Any]:
    try:
        told = json.loads(output)
    except ValueError:
        raise NotRun("it printed no report") from None
    if not isinstance(told, dict):
        raise NotRun("it printed no report")
    return told


def _entries(text: str) -> list[dict[str, Any]]:
    return list(tomllib.loads(text).get("allowed", []))


def _line(flaw: dict[str, Any]) -> str:
    return (str(flaw.get("description") or "").splitlines() or [""])[0][:100]


if __name__ == "__main__":
    sys.exit(main())
