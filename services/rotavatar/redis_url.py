"""The address of Redis as people write it: one server, some nodes of a cluster, or the Sentinels that know the primary.

| form | meaning |
|---|---|
| `redis://[user[:password]@]host[:port][,host…][/database]` | a server, or several nodes of one cluster |
| `rediss://…` | the same over TLS |
| `redis+sentinel://host[:port][,host…]/primary[/database]`, `rediss+sentinel://…` | Sentinels, and their name for it |
| `unix://[user:password@]/path` | a socket |
"""

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

HOST: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:,\[\]/@?#]+)(:(?P<port>\d{1,5}))?")

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379


class RedisUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed address. `plain` is what redis-py understands; it may hold a password, so it is not for logs."""

    hosts: tuple[tuple[str, int], ...]
    plain: str
    primary: str = ""
    tls: bool = False

    @property
    def place(self) -> str:
        """Where it is, without user and password, for people."""
        return ",".join(f"{host}:{port}" for host, port in self.hosts) or urlsplit(self.plain).path


def parse_redis_url(text: str) -> RedisUrl:
    """Read one of the forms above. Raises ValueError for anything else."""
    parts = urlsplit(text)
    scheme, _, kind = parts.scheme.partition("+")
    if parts.scheme == "unix" and parts.path:
        return RedisUrl(hosts=(), plain=text)
    if scheme not in ("redis", "rediss") or kind not in ("", "sentinel"):
        raise ValueError("no scheme of Redis")
    user, _, addresses = parts.netloc.rpartition("@")
    hosts = _hosts(addresses, default=SENTINEL_PORT if kind else REDIS_PORT)
    path = parts.path.strip("/").split("/")
    primary = path.pop(0) if kind else ""
    if (kind and not primary) or len(path) > 1 or (path and path[0] and not path[0].isdecimal()):
        raise ValueError("no name of a primary, or no number of a database")
    host, port = hosts[0]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    plain = f"{scheme}://{user + '@' if user else ''}{address}/{''.join(path)}{query}"
    return RedisUrl(hosts=hosts, plain=plain, primary=primary, tls=scheme == "rediss")


def _hosts(addresses: str, *, default: int) -> tuple[tuple[str, int], ...]:
    found = [HOST.fullmatch(address) for address in addresses.split(",")]
    if not all(found):
        raise ValueError("no host")
    hosts = tuple((match["host"].strip("[]"), int(match["port"] or default)) for match in found if match)
    if not all(0 < port < 65536 for _, port in hosts):  # noqa: PLR2004 - TCP has no other ports
        raise ValueError("no port")
    return hosts
