"""Whether a host is known: only who asks for a name that certainly belongs to no machine is told."""

from __future__ import annotations

import socket

import pytest

from lookalike.core.errors import ServiceDown
from lookalike.storage.hosts import check_hosts


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1"], ["::1"], ["localhost"], ["no..host", "127.0.0.1"]])
def test_of_hosts_of_which_one_is_known_nothing_is_told(hosts: list[str]) -> None:
    check_hosts(hosts)


@pytest.mark.parametrize("host", ["no..host", f"{'x' * 64}.example"])
def test_what_is_no_name_at_all_is_told(host: str) -> None:
    with pytest.raises(ServiceDown, match=r"knows none called .*correct the host"):
        check_hosts([host])


@pytest.mark.parametrize(("answer", "is_told"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_a_name_service_that_is_away_says_nothing_about_a_name(
    monkeypatch: pytest.MonkeyPatch, answer: int, is_told: bool
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise socket.gaierror(answer, "as it says")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    if is_told:
        with pytest.raises(ServiceDown, match=r"'db\.internal', 'db2\.internal'"):
            check_hosts(["db.internal", "db2.internal"])
    else:
        check_hosts(["db.internal"])
