"""Settings of the service come from where they should, and an impossible one says where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest

from lookalike.core.errors import BadInput, NoCollection
from lookalike.settings import read_settings
from lookalike.settings.service import ServiceSettings
from lookalike.settings.service_reading import read_service_settings

SECRET = "a secret of thirty-two bytes or so"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file, which is not there yet."""
    for kind in ("config", "data", "cache"):
        monkeypatch.setattr(platformdirs, f"user_{kind}_path", lambda _, kind=kind: tmp_path / kind)
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config" / "lookalike.toml"


def read(environment: dict[str, str] | None = None, **given: Any) -> ServiceSettings:
    return read_service_settings(environment=environment or {}, **given)


def collection(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "catalog.sqlite").touch()
    return folder


def test_without_a_word_there_are_defaults(tmp_path: Path) -> None:
    settings = read()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert settings.home == tmp_path / "data" / "service"
    assert settings.collections == {}
    assert (settings.keys_file, settings.cors_origins) == (None, ())


def test_the_usual_collection_is_served_where_it_is_there(tmp_path: Path) -> None:
    usual = collection(tmp_path / "data" / "photos.lookalike")
    assert read().collections == {"photos": usual}
    assert read({"LOOKALIKE_COLLECTION": str(collection(tmp_path / "mine"))}).collections == {"mine": tmp_path / "mine"}
    assert read(home=tmp_path / "home").collections == {}


def test_a_collection_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NoCollection, match=r"there is no collection in .*nowhere; `lookalike index` makes one"):
        read(collection=tmp_path / "nowhere")


def test_argument_goes_before_environment_before_file_before_default(file: Path) -> None:
    file.write_text(
        'threads = 1\n[serve]\nport = 1\nworkers = 2\nhost = "h"\nbatch_window_ms = 1\nrun_worker = false\n'
    )

    settings = read({"LOOKALIKE_SERVE_PORT": "3", "LOOKALIKE_SERVE_WORKERS": "4", "LOOKALIKE_SERVE_HOST": ""}, port=5)

    assert (settings.port, settings.workers, settings.host) == (5, 4, "h")
    assert (settings.batch_window_ms, settings.run_worker) == (1.0, False)
    assert read_settings(environment={}).threads == 1


def test_lists_are_written_with_commas_in_the_environment(file: Path) -> None:
    file.write_text('[serve]\ncors_origins = ["https://a.example", "http://[::1]:80"]\n')
    assert read().cors_origins == ("https://a.example", "http://[::1]:80")
    assert read({"LOOKALIKE_SERVE_CORS_ORIGINS": "https://b.example, http://c:8"}).cors_origins == (
        "https://b.example",
        "http://c:8",
    )


def test_the_collections_are_those_in_the_home_and_the_one_that_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    shoes, bags = collection(home / "shoes.lookalike"), collection(home / "bags.v2")
    (home / "not one").mkdir()
    named = collection(tmp_path / "My Photos.lookalike")

    assert read(home=home).collections == {"shoes": shoes, "bags.v2": bags}
    assert read(home=home, collection=named).collections == {"shoes": shoes, "bags.v2": bags, "my-photos": named}
    assert read(collection=str(named)).collections == {"my-photos": named}
    assert read(home=home, collection=shoes).collections == {"shoes": shoes, "bags.v2": bags}


def test_a_collection_that_has_lost_its_catalog_is_one(tmp_path: Path) -> None:
    lost = [tmp_path / "home" / "indexed", tmp_path / "home" / "added", tmp_path / "data" / "photos.lookalike"]
    for folder, left in zip(lost, ("snapshots/CURRENT", f"objects/aa/{'a' * 62}", "snapshots/CURRENT"), strict=True):
        (folder / left).parent.mkdir(parents=True)
        (folder / left).touch()

    assert read(home=tmp_path / "home").collections == {"indexed": lost[0], "added": lost[1]}
    assert read(collection=lost[0]).collections == {"indexed": lost[0]}
    assert read().collections == {"photos": lost[2]}


def test_two_collections_of_one_name_are_refused(tmp_path: Path) -> None:
    collection(tmp_path / "home" / "shoes")
    with pytest.raises(BadInput, match=r"both 'shoes'; rename one"):
        read(home=tmp_path / "home", collection=collection(tmp_path / "Shoes.lookalike"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("a.lookalike", "a"),
        (".photos.lookalike", "photos"),
        ("Zoë & Ich", "zo-ich"),
        ("---", "collection"),
        ("é", "collection"),
        ("x" * 99, "x" * 64),
    ],
)
def test_a_folder_gets_a_name_that_a_url_takes(tmp_path: Path, folder: str, name: str) -> None:
    assert list(read(collection=collection(tmp_path / folder)).collections) == [name]


def test_the_secret_comes_from_the_environment_or_a_file_and_is_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    for settings in (
        read({"LOOKALIKE_SERVE_JWT_SECRET": SECRET}, jwt_algorithm="HS256"),
        read(jwt_secret_file=secret, jwt_algorithm="HS256"),
        read({"LOOKALIKE_SERVE_JWT_SECRET_FILE": str(secret)}, jwt_algorithm="HS256"),
    ):
        assert settings.jwt_secret == SECRET.encode()
        assert SECRET not in repr(settings)
    assert "password" not in repr(read(rate_storage="redis://:password@here"))


def test_the_secret_is_no_argument_and_stands_in_no_settings_file(file: Path) -> None:
    with pytest.raises(BadInput, match="known, got 'jwt_secret'"):
        read(jwt_secret=SECRET)
    file.write_text(f'[serve]\njwt_secret = "{SECRET}"\n')
    with pytest.raises(BadInput, match=r"known, got 'jwt_secret' in \[serve\] of .*lookalike\.toml") as refused:
        read()
    assert SECRET not in str(refused.value)


def test_keys_that_are_there_count(tmp_path: Path) -> None:
    (tmp_path / "config" / "keys.json").touch()
    assert read().keys_file == tmp_path / "config" / "keys.json"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", -1, "0 to 65535 for port"),
        ("port", 65536, "0 to 65535 for port"),
        ("port", "http", "0 to 65535 for port"),
        ("port", True, "0 to 65535 for port"),
        ("workers", 0, "1 to 256 for workers"),
        ("workers", 1.5, "1 to 256 for workers"),
        ("request_timeout_ms", 60_001, "1 to 60000 for request_timeout_ms"),
        ("drain_s", "nan", "0 to 3600 for drain_s"),
        ("drain_s", "inf", "0 to 3600 for drain_s"),
        ("keep_below", -0.1, "0 to 2 for keep_below"),
        ("log_format", "xml", "'text' or 'json' for log_format"),
        ("jwt_algorithm", "none", "'HS256', 'RS256' or 'EdDSA' for jwt_algorithm"),
        ("run_worker", "maybe", "true or false for run_worker"),
        ("host", "a\0b", "a text for host"),
    ],
)
def test_an_impossible_value_says_what_was_expected_and_where_it_came_from(
    file: Path, name: str, value: Any, expected: str
) -> None:
    with pytest.raises(BadInput, match=f"expected {expected}, got .* from the argument"):
        read(**{name: value})
    if isinstance(value, str) and "\0" not in value:
        with pytest.raises(BadInput, match=f"expected {expected}, got .* from LOOKALIKE_SERVE_{name.upper()}"):
            read({f"LOOKALIKE_SERVE_{name.upper()}": value})
        file.write_text(f'[serve]\n{name} = "{value}"\n')
        with pytest.raises(BadInput, match=rf"expected {expected}, got .* from \[serve\] of .*lookalike\.toml"):
            read()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cors_origins": ["*"]}, "expected origins like https://shop.example"),
        ({"cors_origins": ["https://a.example/path"]}, "expected origins like"),
        ({"cors_origins": 5}, "expected a list of texts for cors_origins"),
        ({"trusted_proxies": ["proxy"]}, "expected addresses or networks"),
        ({"jwt_algorithm": "HS256"}, "needs a secret"),
        ({"jwt_algorithm": "RS256"}, "needs the public keys, but there are none: set jwt_jwks"),
        ({"jwt_jwks": "keys.json"}, "need jwt_algorithm, which is not"),
        ({"tls_certificate": "lookalike.toml", "tls_key": "no such"}, "tls_key names .*no such, which is not a file"),
        ({"tls_certificate": "lookalike.toml"}, "both tls_certificate and tls_key"),
        ({"keys_file": "no such"}, "keys_file names"),
        (
            {"database": "mysql://h/d"},
            "expected database to look like postgresql://USER.*, got 'mysql://h/d'; correct it",
        ),
        ({"vectors": "host=h"}, "expected vectors to look like postgresql://"),
        ({"objects": "s3://"}, "expected objects to look like s3://BUCKET/PREFIX"),
        ({"objects": "s3://Bucket"}, "expected objects to look like s3://"),
        (
            {"objects": "s3://bucket", "objects_endpoint": "127.0.0.1:1"},
            "expected objects_endpoint to look like https://",
        ),
        (
            {"objects": "s3://bucket"},
            "objects is set, and needs database, which is not.*: set database to postgresql://",
        ),
        ({"database": "postgresql://h/d"}, "database is set, and needs objects, which is not.*: set objects to s3://"),
        ({"vectors": "postgresql://h/d"}, "vectors is set, and needs database"),
        (
            {"database": "postgresql://h/d", "collection": "."},
            "either a database for collections, or the folder",
        ),
        ({"objects_endpoint": "http://127.0.0.1:1"}, "objects_endpoint is set, and needs objects"),
        ({"broker": "http://h"}, "expected broker to look like amqp://"),
        ({"flow": "both"}, "'direct' or 'classic' for flow, got 'both'"),
        ({"keep_below": 0.2}, "keep_below under quarantine_above, got 0.2 and 0.15"),
        ({"page": "."}, "has no index.html"),
        ({"jwt_secret_file": "no such"}, "the secret in .* cannot be read"),
        ({"jwt_secret_file": "lookalike.toml"}, "at least 32 bytes, got 5 from .*lookalike.toml"),
        (
            {"colour": "red"},
            "expected a setting that is known, got 'colour'.*; correct it to one of allow_private_fetch, batch_size",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    (tmp_path / "lookalike.toml").write_text("short")
    with pytest.raises(BadInput, match=message):
        read(**given)


def test_servers_are_named_by_their_addresses_and_none_by_default() -> None:
    without = read()
    servers = {
        "DATABASE": "postgresql://me:pass@h/d",
        "OBJECTS": "s3://bucket/pictures",
        "OBJECTS_ENDPOINT": "http://127.0.0.1:7480",
        "BROKER": "amqp://guest:guest@h:5672/",
        "VECTORS": "postgresql:///v?host=/run",
        "FLOW": "classic",
    }
    settings = read({f"LOOKALIKE_SERVE_{name}": value for name, value in servers.items()})

    assert {name: getattr(settings, name.lower()) for name in servers} == servers
    assert {getattr(without, name.lower()) for name in servers} == {"", "direct"}


@pytest.mark.parametrize("name", ["database", "vectors", "broker"])
def test_a_password_in_an_address_is_shown_neither_with_the_settings_nor_in_an_error(name: str) -> None:
    scheme = "amqp" if name == "broker" else "postgresql"
    others = {"database": "postgresql://h/d", "objects": "s3://bucket"}
    assert "geheim" not in repr(read(**{**others, name: f"{scheme}://me:geheim@h/d"}))
    with pytest.raises(BadInput) as error:
        read(**{name: "mysql://me:geheim@h/d"})
    assert "geheim" not in str(error.value)
    assert "mysql://me:***@h/d" in str(error.value)


def test_a_serve_that_is_no_table_is_refused(file: Path) -> None:
    file.write_text("serve = 5\n")
    with pytest.raises(BadInput, match="expected a table serve"):
        read()
