"""`lookalike-client` as a user has it: a tarball, installed into a Node.js and a Vite project, with its types."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import httpx2
import pytest

from tests.bare_environment import ROOT
from tests.e2e.conftest import Album
from tests.e2e.test_service import serving

WEB = ROOT / "web"
TOOLS = WEB / "node_modules"

if shutil.which("node") is None or shutil.which("npm") is None:
    pytest.skip("needs Node.js and npm", allow_module_level=True)
if not (TOOLS / "typescript").is_dir():
    pytest.skip("needs web/node_modules: make web", allow_module_level=True)

PROGRAM = """
import {openAsBlob} from "node:fs";
import {Lookalike, Problem} from "lookalike-client";

const service = new Lookalike({baseUrl: process.env.SERVICE});
const photos = service.collection("c");
const {hits, exact} = await photos.search({image: await openAsBlob(process.argv[2])}, {k: 2});
console.log(hits[0].rank, hits[0].name, exact);
const uploaded = await photos.upload(await openAsBlob(process.argv[3]));
console.log(typeof uploaded);
try {
  await service.collection("nowhere").facts();
} catch (error) {
  console.log(error instanceof Problem, error.code, error.status);
}
"""
TYPED = """
import {Lookalike, Problem, type SearchOptions} from "lookalike-client";
import type {Hit} from "lookalike-client";

const options: SearchOptions = {k: 3};
export async function names(file: Blob): Promise<string[]> {
  const photos = new Lookalike({baseUrl: "http://127.0.0.1:8080"}).collection("photos");
  const {hits} = await photos.search({image: file}, options);
  const first: Hit | undefined = hits[0];
  const similarity: number | undefined = first?.similarity;
  if (similarity === undefined) throw new Error("nothing found");
  return hits.map((hit) => hit.name);
}
export const codeOf = (error: unknown): string | null => (error instanceof Problem ? error.code : null);
"""
WRONG = """
import {Lookalike} from "lookalike-client";
new Lookalike({baseUrl: 8080}).collection("photos").search({nothing: 1});
"""
README_GIVES = """
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

globalThis.WebSocket ??= createRequire(process.argv[2])("ws");
const key = null;
const file = new File([readFileSync(process.argv[3])], "new.jpg", {type: "image/jpeg"});
const frame = file;
const show = (hits) => (console.log("live", hits[0].name), live.close());
"""
README_GIVES_TYPED = """
import type {Hit} from "lookalike-client";

declare const key: string | null;
declare const file: File;
declare const frame: Blob;
declare function show(hits: readonly Hit[]): void;
"""
PAGE = """
import {Lookalike} from "lookalike-client";
document.title = String(new Lookalike({baseUrl: ""}).collection("photos"));
"""


def done(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"npm_config_update_notifier": "false", "npm_config_audit": "false", "npm_config_fund": "false"}
    return subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def right(*arguments: str | Path, cwd: Path, **variables: str) -> str:
    ended = done(*arguments, cwd=cwd, **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of nobody in particular, with the package installed from its tarball, and no other tool."""
    place = tmp_path_factory.mktemp("project")
    tarballs = tmp_path_factory.mktemp("tarballs")
    # its dependency comes from a tarball, too, so that nothing is fetched
    for package in (WEB / "client", TOOLS / "@noble" / "hashes"):
        right("npm", "pack", package, "--pack-destination", tarballs, cwd=WEB / "client")
    (place / "package.json").write_text(json.dumps({"name": "project", "version": "1.0.0", "type": "module"}))
    right("npm", "install", "--offline", "--ignore-scripts", *sorted(tarballs.glob("*.tgz")), cwd=place)
    return place


def test_the_tarball_holds_javascript_and_types_alone(project: Path) -> None:
    package = project / "node_modules" / "lookalike-client"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts"} <= files
    assert not [name for name in files if name.endswith(".ts") and not name.endswith(".d.ts")]
    assert {name.removesuffix(".js") for name in files if name.endswith(".js")} == {
        name.removesuffix(".d.ts") for name in files if name.endswith(".d.ts")
    }
    assert sorted(path.name for path in (project / "node_modules").iterdir() if not path.name.startswith(".")) == [
        "@noble",
        "lookalike-client",
    ]


def test_a_program_of_node_searches_and_uploads(project: Path, album: Album) -> None:
    (project / "program.js").write_text(PROGRAM)
    with serving(album) as served:
        said = right(
            "node", "program.js", album.photos / "0.jpg", album.photos / "1.jpg", cwd=project, SERVICE=served.url
        )
    assert said == "1 0.jpg true\nobject\ntrue no_collection 404\n"


def readme_sample() -> str:
    """The program in the README: an indented block that begins with an import."""
    text = (WEB / "client" / "README.md").read_text()
    block = re.search(r"^    import .*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    return textwrap.dedent(block[0])


def test_the_sample_in_the_readme_runs(project: Path, album: Album) -> None:
    sample = readme_sample().replace('"photos"', '"c"')
    with serving(album) as served:
        (project / "sample.js").write_text(README_GIVES + sample.replace("http://127.0.0.1:8080", served.url))
        said = right("node", "sample.js", TOOLS / "here.js", album.photos / "0.jpg", cwd=project).splitlines()
        thumbnail = said[0].split()[2]
        assert httpx2.get(thumbnail).headers["Content-Type"] == "image/jpeg"
    assert re.fullmatch(rf"(1|0\.99\d*) 0\.jpg {re.escape(served.url)}/v1/\S+", said[0])
    assert said[-1] == "live 0.jpg"
    assert "1" in said[1:-1]


@pytest.mark.parametrize(("module", "resolution"), [("nodenext", "nodenext"), ("esnext", "bundler")])
def test_its_types_are_understood(project: Path, module: str, resolution: str) -> None:
    (project / "typed.ts").write_text(TYPED)
    (project / "sample.ts").write_text(README_GIVES_TYPED + readme_sample())
    (project / "wrong.ts").write_text(WRONG)
    options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,dom.iterable", "--types", ""]
    options += ["--module", module, "--moduleResolution", resolution, "--ignoreConfig"]
    compiler = TOOLS / "typescript" / "bin" / "tsc"

    right("node", compiler, *options, "typed.ts", "sample.ts", cwd=project)

    refused = done("node", compiler, *options, "wrong.ts", cwd=project)
    assert refused.returncode != 0
    assert "wrong.ts" in refused.stdout
    assert "node_modules/lookalike-client" not in refused.stdout


def test_vite_builds_a_page_with_it(project: Path) -> None:
    (project / "index.html").write_text('<!doctype html><script type="module" src="/page.js"></script>')
    (project / "page.js").write_text(PAGE)
    right("node", TOOLS / "vite" / "bin" / "vite.js", "build", cwd=project)
    (bundle,) = (project / "dist" / "assets").glob("index-*.js")
    assert "/v1/collections/" in bundle.read_text()


def test_its_version_is_ours() -> None:
    package = json.loads((WEB / "client" / "package.json").read_text())
    assert f'version = "{package["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert package["engines"]["node"] == ">=20"
