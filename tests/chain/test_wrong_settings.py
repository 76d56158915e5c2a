"""What is set wrongly of a server is told at the start, in one line, before anything is made on any of them."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("psycopg", reason="the extra postgres is not installed")

import psycopg

from chain.buckets import client_of, make_bucket
from chain.flows import Api, Refused
from chain.parts import Parts
from chain.postgres import UNSAFE_AND_FAST, PostgresServer, programs_folder
from chain.programs import service, worker
from chain.s3_server import S3Keys
from chain.server import free_port
from chain.unprivileged import open_folder
from lookalike.assembly.checking import check_servers
from lookalike.cli.main import run
from lookalike.core.errors import ServiceDown
from lookalike.settings.service_reading import read_service_settings
from tests.chain.conftest import settings_of
from tests.waiting import eventually

COMMANDS = (("serve", "--port", "0"), ("worker",))
NOBODY = "no..host"  # which is the name of no machine, as everybody can tell who asks no other machine
TOO_OLD = 15
PREFIX = "LOOKALIKE_SERVE_"


class Case(NamedTuple):
    """A wrong setting.

    Attributes:
        setting: that is named.
        said: of what is to be done about it.
        changes: from settings that are right to wrong ones, by variable.
    """

    setting: str
    said: str
    changes: Callable[[Parts, Mapping[str, str]], dict[str, str]]


def of(setting: str, change: Callable[[Parts, str], str]) -> Callable[[Parts, Mapping[str, str]], dict[str, str]]:
    """Change one alone, by what it was."""
    variable = f"{PREFIX}{setting.upper()}"
    return lambda parts, settings: {variable: change(parts, settings[variable])}


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}").geturl()


def at(url: str, *, host: str = "127.0.0.1", port: int = 5432) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{host}:{port}").geturl()


def weak_role(parts: Parts, url: str, *grants: str) -> str:
    """As a new role that may no more than is granted."""
    role, name = f"weak_{secrets.token_hex(4)}", urlsplit(url).path[1:]
    parts.postgres.run_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'weak'")
    for grant in grants:
        parts.postgres.run_sql(f"GRANT {grant} TO {role}".format(name=name), database=name)
    return parts.postgres.url_of(name, user=role, password="weak")


def with_newer(parts: Parts, url: str, schema: str) -> str:
    """With tables of a newer version, whose format is larger than any."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.migrations (number integer, name text)".encode())
        connection.execute(f"INSERT INTO {schema}.migrations VALUES (99, 'later')".encode())
    return url


def that_only_reads(parts: Parts, url: str) -> str:
    name = urlsplit(url).path[1:]
    parts.postgres.run_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    return url


def with_earlier_ledger_of_another(parts: Parts, url: str) -> str:
    """Which is to be brought up to date, by a role that may make schemas and does not own these tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"CREATE SCHEMA lookalike_ledger")
        connection.execute(b"CREATE TABLE lookalike_ledger.migrations (number integer, name text)")
    granted = "USAGE ON SCHEMA lookalike_ledger", "SELECT ON lookalike_ledger.migrations", "CREATE ON DATABASE {name}"
    return weak_role(parts, url, *granted)


def that_strangers_may_read(parts: Parts, url: str) -> str:
    bucket = urlsplit(url).netloc
    may_read = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/stranger"]},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_read]})
    client_of(parts.s3).put_bucket_policy(Bucket=bucket, Policy=policy)
    return url


def of_a_stranger(parts: Parts, settings: Mapping[str, str]) -> dict[str, str]:
    that_strangers_may_read(parts, settings["LOOKALIKE_SERVE_OBJECTS"])
    keys: S3Keys = parts.s3.stranger
    return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}


def without_cors(parts: Parts, url: str) -> str:
    client_of(parts.s3).delete_bucket_cors(Bucket=urlsplit(url).netloc)
    return url


def as_weak_user(parts: Parts, url: str) -> str:
    vhost = urlsplit(url).path[1:]
    parts.rabbitmq.control("add_user", f"weak-{vhost}", "weak")
    parts.rabbitmq.control("set_permissions", "-p", vhost, f"weak-{vhost}", "^$", "^$", "^$")
    return url.replace("guest:guest", f"weak-{vhost}:weak")


CASES = {
    "database, password": Case(
        "database", "correct the URL", of("database", lambda _, url: with_password(url, "t0psec"))
    ),
    "database, name": Case("database", "create it, or correct the URL", of("database", lambda _, url: f"{url}x")),
    "database, host": Case("database", "correct the host", of("database", lambda _, url: at(url, host=NOBODY))),
    "database, another server's port": Case(
        "database", "correct its host, port", of("database", lambda parts, url: at(url, port=parts.rabbitmq.port))
    ),
    "database, right to make schemas": Case("database", "GRANT CREATE ON DATABASE", of("database", weak_role)),
    "database, of a newer version": Case(
        "database",
        "written by a newer Lookalike",
        of("database", lambda parts, url: with_newer(parts, url, "lookalike_ledger")),
    ),
    "database, list of a newer version": Case(
        "database",
        "written by a newer Lookalike",
        of("database", lambda parts, url: with_newer(parts, url, "lookalike")),
    ),
    "database, tables of another": Case(
        "database", "name their owner in the URL", of("database", with_earlier_ledger_of_another)
    ),
    "database, read only": Case("database", "connect to the server that is", of("database", that_only_reads)),
    "vectors, password": Case("vectors", "correct the URL", of("vectors", lambda _, url: with_password(url, "t0psec"))),
    "vectors, right to create the extension": Case(
        "vectors",
        "`CREATE EXTENSION vector` there as a superuser",
        of("vectors", lambda parts, url: weak_role(parts, url, "CREATE ON DATABASE {name}")),
    ),
    "vectors, of a newer version": Case(
        "vectors",
        "written by a newer Lookalike",
        of("vectors", lambda parts, url: with_newer(parts, url, "lookalike_vectors")),
    ),
    "objects, bucket": Case(
        "objects", "make it, or name another in `objects`", of("objects", lambda _, url: f"{url}-x")
    ),
    "objects, secret": Case(
        "objects", "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", lambda *_: {"AWS_SECRET_ACCESS_KEY": "t0psec"}
    ),
    "objects, right to write": Case("objects", "the right to write", of_a_stranger),
    "objects, CORS": Case("objects", "CORS rules of the bucket, or set `flow`", of("objects", without_cors)),
    "objects, host": Case("objects", "correct the host", of("objects_endpoint", lambda *_: f"http://{NOBODY}:7480")),
    "broker, password": Case(
        "broker", "correct the broker's URL", of("broker", lambda _, url: url.replace(":guest@", ":t0psec@"))
    ),
    "broker, vhost": Case("broker", "rabbitmqctl add_vhost", of("broker", lambda _, url: f"{url}-x")),
    "broker, host": Case("broker", "correct the host", of("broker", lambda _, url: at(url, host=NOBODY))),
    "broker, permissions": Case("broker", "rabbitmqctl set_permissions", of("broker", as_weak_user)),
}


@pytest.fixture
def own(parts: Parts, tmp_path: Path) -> dict[str, str]:
    """Settings that are right, with databases and a bucket that nobody has used."""
    bucket = f"own-{secrets.token_hex(8)}"
    make_bucket(parts.s3, bucket, pages=("*",))
    return {
        **settings_of(parts, tmp_path / "home"),
        "LOOKALIKE_SERVE_DATABASE": parts.postgres.make_database(),
        "LOOKALIKE_SERVE_VECTORS": parts.postgres.make_database(),
        "LOOKALIKE_SERVE_OBJECTS": f"s3://{bucket}",
    }


def made(parts: Parts, settings: Mapping[str, str]) -> dict[str, object]:
    """All that is there: in the databases, in the bucket, in the folder of the service."""
    bucket = urlsplit(settings["LOOKALIKE_SERVE_OBJECTS"]).netloc
    client = client_of(parts.s3)
    return {
        **{name: relations(settings[f"LOOKALIKE_SERVE_{name}"]) for name in ("DATABASE", "VECTORS")},
        "objects": client.list_objects_v2(Bucket=bucket).get("Contents"),
        "half sent": client.list_multipart_uploads(Bucket=bucket).get("Uploads"),
        "home": Path(settings["LOOKALIKE_SERVE_HOME"]).exists(),
    }


def made_with_the_broker(parts: Parts, settings: Mapping[str, str]) -> list[str]:
    vhost = urlsplit(settings["LOOKALIKE_SERVE_BROKER"]).path[1:]
    return [parts.rabbitmq.control(f"list_{what}", "-p", vhost, "name") for what in ("queues", "exchanges")]


def relations(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            b"SELECT nspname, relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid "
            b"WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1, 2"
        ).fetchall()


def check_refused(code: int, out: bytes, told: str, case: Case) -> None:
    assert (code, out) == (ServiceDown.exit_code, b""), told
    assert told.count("\n") == 1, told
    assert told.startswith(f"lookalike: setting `{case.setting}`: "), told
    assert case.said in told
    assert "t0psec" not in told


def check_both_refuse(settings: Mapping[str, str], case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both commands, in this process; would they go on, they would come no further than to making their parts."""

    def go_on(*_: object) -> NoReturn:
        pytest.fail("it went on")

    monkeypatch.setattr("lookalike.service.app.wire", go_on)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for command in COMMANDS:
        with CliRunner().isolation() as (out, err, _):
            code = run([*command])
            sys.stdout.flush()
            sys.stderr.flush()
            check_refused(code, out.getvalue(), err.getvalue().decode(), case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_set_wrongly_is_told_in_a_line_and_nothing_is_made(
    case: Case, own: dict[str, str], parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**own, **case.changes(parts, own)}
    before = made(parts, own)

    check_both_refuse(settings, case, monkeypatch)

    assert made(parts, own) == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_so_does_a_process_of_its_own(command: tuple[str, ...], own: dict[str, str], parts: Parts) -> None:
    case = CASES["broker, password"]  # of the part that is looked at last
    line = [sys.executable, "-m", "lookalike", *command]
    settings = {**os.environ, **own, **case.changes(parts, own)}
    before = made(parts, own)

    done = subprocess.run(line, env=settings, capture_output=True, check=False, timeout=300)

    check_refused(done.returncode, done.stdout, done.stderr.decode(), case)
    assert made(parts, own) == before


@contextmanager
def another_postgres(*, version: int, settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    with open_folder() as folder:
        server = PostgresServer(folder / "postgres", version=version, settings={**UNSAFE_AND_FAST, **settings})
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.mark.parametrize("version", [TOO_OLD] if programs_folder(TOO_OLD) else [])
def test_a_postgresql_that_is_too_old_is_told(
    version: int, own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_postgres(version=version, settings={}) as server:
        url = server.make_database()
        settings = {**own, "LOOKALIKE_SERVE_DATABASE": url}
        check_both_refuse(settings, Case("database", f"got {version}.", lambda *_: {}), monkeypatch)
        assert relations(url) == [("public", None)]


def test_a_server_without_pgvector_is_told(own: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with another_postgres(version=18, settings={"extension_control_path": "/nowhere"}) as server:
        settings = {**own, "LOOKALIKE_SERVE_VECTORS": server.make_database()}
        check_both_refuse(settings, Case("vectors", "got none: install it on the server", lambda *_: {}), monkeypatch)


def test_of_servers_that_are_as_they_should_be_nothing_is_told_and_nothing_is_made_there(
    own: dict[str, str], parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made(parts, own), made_with_the_broker(parts, own)
    assert [line for line in told_in_this_process(own, monkeypatch) if "IgnorePublicAcls" not in line] == []
    assert (made(parts, own), made_with_the_broker(parts, own)) == before


def test_a_page_elsewhere_that_may_not_upload_is_told_and_keeps_nobody_from_starting(
    own: dict[str, str], parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = urlsplit(own["LOOKALIKE_SERVE_OBJECTS"]).netloc
    make_bucket(parts.s3, bucket, pages=("https://here.example",))
    pages = {"LOOKALIKE_SERVE_CORS_ORIGINS": "https://here.example,https://there.example"}
    for public in ({}, {"LOOKALIKE_SERVE_OBJECTS_PUBLIC_ENDPOINT": parts.s3.url.replace("127.0.0.1", "localhost")}):
        lines = told_in_this_process({**own, **pages, **public}, monkeypatch)
        (line,) = [line for line in lines if "pages of https://" in line]
        assert "https://there.example" in line
        assert public.get("LOOKALIKE_SERVE_OBJECTS_PUBLIC_ENDPOINT", parts.s3.url) in line  # where browsers ask


def test_a_flow_in_which_no_page_uploads_needs_no_cors(
    own: dict[str, str], parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_cors(parts, own["LOOKALIKE_SERVE_OBJECTS"])
    with pytest.raises(ServiceDown, match="CORS"):
        told_in_this_process(own, monkeypatch)
    assert not [
        line for line in told_in_this_process({**own, f"{PREFIX}FLOW": "classic"}, monkeypatch) if "CORS" in line
    ]


def told_in_this_process(settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return check_servers(read_service_settings())


@pytest.fixture
def away(own: dict[str, str]) -> dict[str, str]:
    """Where nobody answers now."""
    urls = [f"{PREFIX}{name}" for name in ("DATABASE", "VECTORS", "BROKER")]
    return {
        **own,
        **{name: at(own[name], port=free_port()) for name in urls},
        f"{PREFIX}OBJECTS_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }


def check_all_are_told(log: Path) -> None:
    for setting in ("database", "vectors", "objects", "broker"):
        eventually(lambda setting=setting: f"setting `{setting}`: " in log.read_text())  # type: ignore[misc]
    assert "Traceback" not in log.read_text()


def test_a_service_starts_whose_servers_are_away_and_says_so_to_whoever_needs_them(
    away: dict[str, str], tmp_path: Path
) -> None:
    serving = service(environment=away, log=tmp_path / "log")
    serving.start()
    try:
        check_all_are_told(tmp_path / "log")
        api = Api(serving.url)
        with pytest.raises(Refused, match="503"):
            api.call("GET", "/v1/collections")
        api.close()
    finally:
        serving.stop()


def test_a_worker_starts_whose_servers_are_away(away: dict[str, str], tmp_path: Path) -> None:
    working = worker(environment=away, log=tmp_path / "log")
    working.start()
    try:
        eventually(lambda: "Waiting for jobs" in (tmp_path / "log").read_text())
        check_all_are_told(tmp_path / "log")
    finally:
        working.stop()
