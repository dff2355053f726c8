"""How a connection to Redis is made: where it is, as whom, and whom to believe that it is the right one."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from redis.asyncio.connection import AbstractConnection, ConnectionPool, parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from rotavatar.configuration import Secret
from rotavatar.errors import ConfigurationError
from rotavatar.redis_url import RedisUrl, parse_redis_url

CONNECT_SECONDS = 3.0


class RedisAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A Redis and the way into it. User and passwords here win over those of the URL."""

    url: Secret
    username: str = ""
    password: Secret | None = None
    sentinel_username: str = ""
    sentinel_password: Secret | None = None
    ca: str = ""
    """Certificates (PEM) of the only authorities that are believed; empty: those of the system."""

    @property
    def address(self) -> RedisUrl:
        """The parsed URL. Raises ValueError for one that is none."""
        return parse_redis_url(self.url.reveal())


class Connector:
    """Makes one connection after the other, each not yet connected: see `connector`."""

    def __init__(self, make: Callable[[], AbstractConnection], sentinels: Sentinel | None = None) -> None:
        """`sentinels` are asked at each connection, over connections of their own that `close` ends."""
        self._make = make
        self._sentinels = sentinels

    def __call__(self) -> AbstractConnection:
        """One more connection."""
        return self._make()

    async def close(self) -> None:
        """Leave the Sentinels."""
        if self._sentinels is not None:
            for sentinel in self._sentinels.sentinels:
                await sentinel.aclose()


def connector(access: RedisAccess, *, name: str, node: tuple[str, int] | None = None) -> Connector:
    """What makes connections as client `name`.

    To `node` of a cluster if one is given; else to the primary that the Sentinels name at that moment, or to each of
    the hosts in turn. Raises ConfigurationError for certificates that a URL without TLS would never use.
    """
    address = access.address
    if access.ca and not address.tls:
        raise ConfigurationError(
            "ROTAVATAR_REDIS_CA is set and ROTAVATAR_REDIS_URL is not TLS: begin the URL with rediss, or remove the CA"
        )
    # Whoever asks has a time limit of their own, and tries again by itself.
    options: dict[str, Any] = {
        **parse_url(address.plain),
        "client_name": name,
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_SECONDS,
        **_trust(access),
        **_login(access.username, access.password),
    }
    if address.primary:
        return _behind_sentinels(access, address, options)
    return _in_turn([node] if node else address.hosts, options)


def _in_turn(hosts: Sequence[tuple[str, int]], options: dict[str, Any]) -> Connector:
    pool = ConnectionPool(**options)
    turns = itertools.cycle(hosts or [None])

    def make() -> AbstractConnection:
        if (turn := next(turns)) is not None:
            pool.connection_kwargs.update(host=turn[0], port=turn[1])
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        return connection

    return Connector(make)


def _behind_sentinels(access: RedisAccess, address: RedisUrl, options: dict[str, Any]) -> Connector:
    asking = {
        "ssl": address.tls,
        "socket_timeout": CONNECT_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        **_trust(access),
        **_login(access.sentinel_username, access.sentinel_password),
    }
    sentinels = Sentinel(address.hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    own = {key: value for key, value in options.items() if key not in ("host", "port", "connection_class")}
    pool = SentinelConnectionPool(address.primary, sentinels, ssl=address.tls, **own)  # type: ignore[no-untyped-call]
    return Connector(pool.make_connection, sentinels)


def _trust(access: RedisAccess) -> dict[str, Any]:
    return {"ssl_ca_data": access.ca} if access.ca else {}


def _login(username: str, password: Secret | None) -> dict[str, Any]:
    given = {"username": username, "password": password.reveal() if password else ""}
    return {key: value for key, value in given.items() if value}
