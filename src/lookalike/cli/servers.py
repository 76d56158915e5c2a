"""What `serve` and `worker` say of the servers that they are set to use, before they make anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.session import Session

if TYPE_CHECKING:
    from lookalike.settings.service import ServiceSettings


def tell_servers(session: Session, settings: ServiceSettings) -> None:
    """Tell what is amiss and keeps nobody from starting.

    Raises:
        ServiceDown: when a server is not as it has to be.
    """
    from lookalike.assembly.checking import check_servers

    for line in check_servers(settings):
        session.say(line)
