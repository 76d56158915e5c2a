"""The one door: credentials become a principal, and a principal may do this and not that."""

from __future__ import annotations

import time
from collections.abc import Callable

from lookalike.core.errors import BadInput, NotAllowed, NotAuthenticated
from lookalike.ledger.base import Ledger
from lookalike.service.access.key_ring import KeyRing
from lookalike.service.access.key_sets import KeySet
from lookalike.service.access.keys import PREFIX
from lookalike.service.access.loopback import is_loopback_address, is_loopback_name
from lookalike.service.access.principal import LOOPBACK, Principal, Scope
from lookalike.service.access.rates import Rates, open_rates
from lookalike.service.access.tickets import Ticket, Tickets
from lookalike.service.access.tokens import Tokens, open_tokens
from lookalike.service.problems import no_collection
from lookalike.settings.service import ServiceSettings

_MOST_LETTERS = 16_384


class Access:
    """Who asks, what they may do, and how often. Safe to use from many threads.

    Args:
        keys, tokens: what is accepted. Where neither is, whoever sits at the machine itself may do everything.
        key_set: the public keys of tokens, where they have such.
        tickets: for WebSockets.
        rates: how often one may ask.
        waits: whether `authenticate` or `count` may wait for another machine, and is not to be called where that would
            keep others waiting; see the property. `issue_ticket` and `redeem` always wait for a disk.
        now: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        keys: KeyRing | None,
        tokens: Tokens | None,
        key_set: KeySet | None,
        tickets: Tickets,
        rates: Rates,
        waits: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys, self._tokens, self._key_set = keys, tokens, key_set
        self._tickets, self._rates, self._now = tickets, rates, now
        self._waits = waits

    @property
    def waits(self) -> bool:
        """Whether `authenticate` or `count` may wait now, for another machine or for the file of keys."""
        return self._waits or self.waits_for_keys

    @property
    def waits_for_keys(self) -> bool:
        """Whether `is_good` may wait now, for their file."""
        return self._keys is not None and self._keys.is_to_look

    @property
    def is_open_to_loopback(self) -> bool:
        """Whether no credentials are configured, so that only this machine itself is let in."""
        return self._keys is None and self._tokens is None

    def authenticate(self, authorization: str | None, *, client: str) -> Principal:
        """Who asks.

        Args:
            authorization: the header of that name.
            client: address of who asks, as far as it can be told; '' where it cannot.
        Raises:
            NotAuthenticated: when that is not known.
            ServiceDown: when it cannot be told, for there are no public keys yet.
        """
        if self.is_open_to_loopback:
            if not is_loopback_address(client):
                raise NotAuthenticated(
                    "no credentials are configured, so only this machine itself is let in"
                    "; make a key with `lookalike key add NAME`, and send it as Authorization: Bearer KEY"
                )
            return LOOPBACK
        credential = _credential(authorization)
        if self._keys is not None and credential.startswith(PREFIX):
            principal = self._keys.principal_of(credential)
            if principal is None:
                raise NotAuthenticated("the key is not accepted; send another, or ask whoever runs the service for one")
            return principal
        if self._tokens is None:
            raise NotAuthenticated("the key is not accepted; send another, or ask whoever runs the service for one")
        return self._tokens.principal_of(credential)

    def check(self, principal: Principal, scope: Scope, collection: str | None = None) -> None:
        """Whether someone may do something.

        Raises:
            NoCollection: when it is about a collection that does not exist for them.
            NotAllowed: when their scopes do not reach.
        """
        if collection is not None and not principal.sees(collection):
            raise no_collection(collection)  # word for word as of one that is not there
        if not principal.may(scope):
            raise NotAllowed(
                f"this needs the scope {scope}, which {principal.name} does not have; ask whoever runs the "
                "service for a key with it",
                values={"scope": str(scope)},
            )

    def is_good(self, principal: Principal) -> bool:
        """Whether what someone showed when a long connection began is still good: not expired, not revoked."""
        if principal.expires_at is not None and self._now() >= principal.expires_at:
            return False
        return principal.kind != "key" or (self._keys is not None and self._keys.is_good(principal.key_id))

    def count(self, principal: Principal) -> None:
        """Count a request.

        Raises:
            RateLimited: when it is one too many.
        """
        self.count_of(principal.name)

    def count_of(self, name: str) -> None:
        """Count a request that somebody of that name has signed a URL for. Raises as `count`."""
        self._rates.count(name)

    def issue_ticket(self, principal: Principal) -> Ticket:
        """For one WebSocket, within 30 seconds."""
        return self._tickets.issue(principal)

    def redeem(self, ticket: str) -> Principal:
        """For whom a ticket stands; that uses it up.

        Raises:
            NotAuthenticated: when it is not good, any more.
        """
        principal = self._tickets.redeem(ticket)
        if not self.is_good(principal):
            raise NotAuthenticated("the ticket is not accepted; fetch a new one from `POST /v1/tickets`")
        return principal

    def check_ready(self) -> None:
        """Whether credentials can be told from others.

        Raises:
            ServiceDown: when the public keys of tokens could not be fetched so far.
        """
        if self._key_set is not None:
            self._key_set.check_ready()


def open_access(settings: ServiceSettings, ledger: Ledger) -> Access:
    """Make the door that the settings describe.

    Raises:
        BadInput: when they do not fit together, a key, a secret or a file cannot be used, or the service would be open
            to anybody.
    """
    check_binding(settings)
    tokens, key_set = open_tokens(settings) or (None, None)
    return Access(
        keys=KeyRing(settings.keys_file) if settings.keys_file is not None else None,
        tokens=tokens,
        key_set=key_set,
        tickets=Tickets(ledger),
        rates=open_rates(settings.rate_per_minute, settings.rate_storage),
        waits=(key_set is not None and key_set.is_remote) or not settings.rate_storage.startswith("memory:"),
    )


def check_binding(settings: ServiceSettings) -> None:
    """Whether the service may listen where it is to.

    Raises:
        BadInput: when others than this machine could reach it though no credentials are configured.
    """
    if settings.keys_file is None and settings.jwt_algorithm is None and not is_loopback_name(settings.host):
        raise BadInput(
            f"listening on {settings.host or 'every address'} would let anybody in, for no credentials are configured: "
            "make a key with `lookalike key add NAME` and set `keys_file`, or configure tokens (`jwt_algorithm`), "
            "or listen on 127.0.0.1"
        )


def _credential(authorization: str | None) -> str:
    """What stands behind `Bearer`."""
    if authorization is None:
        raise NotAuthenticated(
            "expected Authorization: Bearer KEY_OR_TOKEN, got no such header; ask whoever runs the service "
            "for a key, or make one with `lookalike key add`"
        )
    scheme, _, credential = authorization.partition(" ")
    credential = credential.strip(" ")
    if scheme.lower() != "bearer" or not credential or len(credential) > _MOST_LETTERS:
        raise NotAuthenticated(
            "expected Authorization: Bearer KEY_OR_TOKEN, got another form; write Bearer, a space and the key"
        )
    return credential
