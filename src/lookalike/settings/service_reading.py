"""Reading the settings of the service.

In the file they stand in a table of their own, and each has a variable:

    [serve]
    host = "0.0.0.0"            # LOOKALIKE_SERVE_HOST
    port = 8080                 # LOOKALIKE_SERVE_PORT
    keys_file = "~/keys.json"   # LOOKALIKE_SERVE_KEYS_FILE
    cors_origins = ["https://shop.example"]   # in the variable with commas

`docs/howto/run-the-service.md` lists them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import platformdirs

from lookalike.core.errors import BadInput, NoCollection
from lookalike.settings.collection import SERVE, read_settings
from lookalike.settings.page_folder import page_folder
from lookalike.settings.reading import Values, choice, flag, folder, gather, number, text, texts, whole
from lookalike.settings.served_collections import add_named, collections_in, is_collection
from lookalike.settings.service import ServiceSettings
from lookalike.settings.service_checks import check, secret_from

PREFIX = "LOOKALIKE_SERVE_"

_BYTES = 1 << 40
_WHOLE = {
    "port": (0, 65_535),
    "open_collections": (1, 100_000),
    "workers": (1, 256),
    "rate_per_minute": (0, 10_000_000),
    "max_body_bytes": (1, _BYTES),
    "max_connections": (1, 1_000_000),
    "max_json_bytes": (1, _BYTES),
    "max_message_bytes": (1, _BYTES),
    "max_spooled_bytes": (2, 2 * _BYTES),
    "upload_max_bytes": (1, _BYTES),
    "upload_quota": (1, 1_000_000_000),
    "upload_quota_bytes": (1, _BYTES),
    "request_timeout_ms": (1, 60_000),
    "embed_threads": (1, 1024),
    "embed_waiting": (1, 1_000_000),
    "batch_size": (1, 1024),
}
_NUMBERS = {
    "body_timeout_s": (0.1, 3600.0),
    "batch_window_ms": (0.0, 1000.0),
    "upload_expires_s": (1.0, 604_800.0),
    "keep_below": (0.0, 2.0),
    "quarantine_above": (0.0, 2.0),
    "drain_notice_s": (0.0, 3600.0),
    "drain_s": (0.0, 3600.0),
}
_FOLDERS = ("keys_file", "tls_certificate", "tls_key", "page")
_TEXTS = ("jwt_jwks", "jwt_audience", "jwt_issuer")
_TEXTS_OR_NONE = ("reranker", "database", "objects", "objects_endpoint", "objects_public_endpoint", "broker", "vectors")
_LISTS = ("cors_origins", "trusted_proxies")
_FLAGS = ("run_worker", "allow_private_fetch")


def read_service_settings(*, environment: Mapping[str, str] | None = None, **given: Any) -> ServiceSettings:
    """Gather the settings of the service: argument, else environment, else the table `[serve]`, else default.

    Args:
        environment: variables; those of the process if None.
        given: what the caller says, by name; None counts as not said. Beside the fields of `ServiceSettings` there are
            `collection` (the folder of one to serve) and `jwt_secret_file`. The secret itself is no argument, since
            arguments can be seen by everybody on the machine: it is in the variable or in that file.
    Raises:
        BadInput: when a value is not possible, or a file cannot be read; the message says where it came from.
        NoCollection: when the one that is named is not there.
    """
    variables = os.environ if environment is None else environment
    values = gather(_defaults(), variables=variables, prefix=PREFIX, table=SERVE, given=given)
    home = folder("home", values)
    settings = ServiceSettings(
        home=home,
        collections=_collections(values, home, variables),
        jwt_secret=secret_from(variables.get(f"{PREFIX}JWT_SECRET"), _if_said("jwt_secret_file", values, folder)),
        **_read(values),
    )
    check(settings)
    return settings


def read_service_home(home: str | os.PathLike[str] | None = None) -> Path:
    """Where a service keeps its own files, without looking at the other settings; `home` is what the caller says.

    Raises:
        BadInput: when the settings cannot be read.
    """
    given = None if home is None else os.fspath(home)
    return folder("home", gather(_defaults(), variables=os.environ, prefix=PREFIX, table=SERVE, given={"home": given}))


def _defaults() -> dict[str, object]:
    """The value by name of all that can be said; the secret cannot."""
    plain = {field.name: field.default for field in fields(ServiceSettings) if field.default is not MISSING}
    del plain["jwt_secret"]
    keys_file = platformdirs.user_config_path("lookalike") / "keys.json"
    return {
        **plain,
        "home": platformdirs.user_data_path("lookalike") / "service",
        "keys_file": keys_file if keys_file.is_file() else None,
        "page": page_folder(),
        "collection": None,
        "jwt_secret_file": None,
    }


def _read(values: Values) -> dict[str, Any]:
    return {
        "host": text("host", values),
        "rate_storage": text("rate_storage", values),
        "objects_region": text("objects_region", values),
        "flow": choice("flow", values, of=("direct", "classic")),
        "log_format": choice("log_format", values, of=("text", "json")),
        "jwt_algorithm": _if_said("jwt_algorithm", values, _algorithm),
        **{name: whole(name, values, least=least, most=most) for name, (least, most) in _WHOLE.items()},
        **{name: number(name, values, least=least, most=most) for name, (least, most) in _NUMBERS.items()},
        **{name: _if_said(name, values, folder) for name in _FOLDERS},
        **{name: _if_said(name, values, text) for name in _TEXTS},
        **{name: "" if values[name].value == "" else text(name, values) for name in _TEXTS_OR_NONE},
        **{name: texts(name, values) for name in _LISTS},
        **{name: flag(name, values) for name in _FLAGS},
    }


def _algorithm(name: str, values: Values) -> str:
    return choice(name, values, of=("HS256", "RS256", "EdDSA"))


def _if_said(name: str, values: Values, read: Any) -> Any:
    return None if values[name].value is None else read(name, values)


def _collections(values: Values, home: Path, variables: Mapping[str, str]) -> dict[str, Path]:
    """Those that lie in the folder `home`, and the one that was named; where neither was said, the usual one."""
    if values["database"].value != "":
        if values["collection"].value is not None:
            raise BadInput(
                "expected either a database for collections, or the folder of one, got both; leave --collection out, "
                "or remove database"
            )
        return {}
    found = collections_in(home)
    if values["collection"].value is not None:
        path = folder("collection", values)
        if not is_collection(path):
            raise NoCollection(f"there is no collection in {path}; `lookalike index` makes one")
        return add_named(path, beside=found)
    if values["home"].source != "the default":
        return found
    usual = read_settings(environment=variables).collection
    return add_named(usual, beside=found) if is_collection(usual) else found
