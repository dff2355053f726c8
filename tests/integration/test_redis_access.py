"""Ways into Redis that production has: TLS with a private authority, an ACL user, Sentinels that change the primary."""

import asyncio
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from rotavatar.configuration import Secret
from rotavatar.errors import ConfigurationError, Unavailable
from rotavatar.redis import Redis, RedisAccess
from tests import patience
from tests.redis_access import Authority, documented_user
from tests.servers import Server, free_port, redis_binary, start_cluster

PASSWORD = "correct-horse"

pytestmark = pytest.mark.redis7


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a Redis 7 of the test's own with further options."""
    servers: list[Server] = []

    def make(options: dict[str, str]) -> Server:
        server = Server(redis_binary(), tmp_path / f"redis-{len(servers)}", options=options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.kill()


async def works(access: RedisAccess) -> None:
    """Connect, write and read over the batching connection and over a blocking one."""
    product = await Redis.connect(access, name="test", patience=3)
    try:
        assert await product.execute(0, "SET", "rv:{p00}:x", "1") == b"OK"
        blocking = product.blocking(seconds=1)
        assert await blocking.execute(0, "BLPOP", "rv:{p00}:none", "0.05") is None
        await blocking.close()
    finally:
        await product.close()


async def test_tls_believes_the_given_authority(start: Callable[..., Server], authority: Authority) -> None:
    options = authority.options()
    start(options)
    url = Secret(f"rediss://127.0.0.1:{options['tls-port']}/0")
    await works(RedisAccess(url=url, ca=authority.ca.read_text()))
    with pytest.raises(Unavailable):  # no authority of the system vouches for it
        await works(RedisAccess(url=url))


async def test_tls_does_not_believe_another_authority(
    start: Callable[..., Server], authority: Authority, tmp_path: Path
) -> None:
    options = authority.options()
    start(options)
    stranger = Authority(tmp_path / "stranger").ca.read_text()
    with pytest.raises(Unavailable):
        await works(RedisAccess(url=Secret(f"rediss://127.0.0.1:{options['tls-port']}/0"), ca=stranger))


async def test_an_authority_without_tls_is_an_error_that_says_so(authority: Authority) -> None:
    with pytest.raises(ConfigurationError, match="begin the URL with rediss"):
        await works(RedisAccess(url=Secret("redis://127.0.0.1:1/0"), ca=authority.ca.read_text()))


async def test_a_user_is_let_in_by_name_and_password(start: Callable[..., Server]) -> None:
    server = start({})
    server.command("ACL", "SETUSER", "rotavatar", "on", f">{PASSWORD}", "~rv:*", "+@all", "-@admin")
    server.command("ACL", "SETUSER", "default", "resetpass", f">not-{PASSWORD}")
    await works(RedisAccess(url=Secret(server.url), username="rotavatar", password=Secret(PASSWORD)))
    with pytest.raises(Unavailable):
        await works(RedisAccess(url=Secret(server.url), username="rotavatar", password=Secret("wrong")))
    with pytest.raises(Unavailable):
        await works(RedisAccess(url=Secret(server.url)))


async def test_nodes_of_a_cluster_are_tried_in_turn(tmp_path: Path) -> None:
    cluster = start_cluster(redis_binary(), tmp_path)
    try:
        dead = free_port()
        url = f"redis://127.0.0.1:{dead},127.0.0.1:{cluster.nodes[1].port}/0"
        with pytest.raises(Unavailable):
            await works(RedisAccess(url=Secret(f"redis://127.0.0.1:{dead}/0")))
        product = await _connected(RedisAccess(url=Secret(url)))
        assert product.clustered
        assert await product.check() is None
        await product.close()
    finally:
        cluster.stop()


async def _connected(access: RedisAccess) -> Redis:
    """As processes do at their start: again until it answers."""
    async with asyncio.timeout(patience.SECONDS):
        while True:
            try:
                return await Redis.connect(access, name="test", patience=3)
            except Unavailable:
                await asyncio.sleep(0.1)


SENTINEL_PASSWORD = "battery-staple"


class Sentinels:
    """A primary, a replica and three Sentinels that watch them, all of them over TLS and with passwords."""

    def __init__(self, start: Callable[..., Server], authority: Authority, folder: Path) -> None:
        self._authority = authority
        self._folder = folder
        self.primary = self._server(start)
        self.replica = self._server(start, replicaof=f"127.0.0.1 {self.primary.options['tls-port']}")
        self.ports = [free_port() for _ in range(3)]
        self._processes = [self._sentinel(port) for port in self.ports]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"rediss+sentinel://{hosts}/photos/0"

    def know_each_other(self) -> bool:
        """Whether each Sentinel has found the replica and the two others: before that none of them can fail over."""
        return all(self._knows(port) for port in self.ports)

    def _knows(self, port: int) -> bool:
        client = redis.Redis(
            port=port, password=SENTINEL_PASSWORD, ssl=True, ssl_ca_certs=str(self._authority.ca), decode_responses=True
        )
        with client:
            state: Any = client.sentinel_master("photos")
        return (state["num-other-sentinels"], state["num-slaves"]) == (len(self.ports) - 1, 1)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _server(self, start: Callable[..., Server], **more: str) -> Server:
        server = start(self._authority.options() | {"tls-replication": "yes"} | more)
        server.command("CONFIG", "SET", "masterauth", PASSWORD)
        server.command("CONFIG", "SET", "requirepass", PASSWORD)
        return server

    def _sentinel(self, port: int) -> subprocess.Popen[bytes]:
        folder = self._folder / f"sentinel-{port}"
        folder.mkdir()
        options = self._authority.options() | {
            "tls-port": str(port),
            "tls-replication": "yes",
            "port": "0",
            "bind": "127.0.0.1",
            "dir": str(folder),
            "requirepass": SENTINEL_PASSWORD,
            "sentinel": f"monitor photos 127.0.0.1 {self.primary.options['tls-port']} 2",
        }
        lines = [f"{name} {value}" for name, value in options.items()] + [
            f"sentinel auth-pass photos {PASSWORD}",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            "sentinel down-after-milliseconds photos 1000",
            "sentinel failover-timeout photos 5000",
        ]
        config = folder / "sentinel.conf"
        config.write_text("\n".join(lines) + "\n")
        with (folder / "log").open("wb") as log:
            return subprocess.Popen([redis_binary(), config, "--sentinel"], stdout=log, stderr=log)


@pytest.fixture
def sentinels(start: Callable[..., Server], authority: Authority, tmp_path: Path) -> Iterator[Sentinels]:
    world = Sentinels(start, authority, tmp_path)
    yield world
    world.stop()


async def test_a_failover_is_followed_without_a_restart(sentinels: Sentinels, authority: Authority) -> None:
    access = RedisAccess(
        url=Secret(sentinels.url),
        password=Secret(PASSWORD),
        sentinel_password=Secret(SENTINEL_PASSWORD),
        ca=authority.ca.read_text(),
    )
    product = await _connected(access)
    await product.execute(0, "SET", "rv:{p00}:x", "before")
    async with asyncio.timeout(patience.SECONDS):
        while await product.execute(0, "WAIT", 1, 1000) < 1 or not sentinels.know_each_other():
            await asyncio.sleep(0.2)
    sentinels.primary.kill()
    async with asyncio.timeout(patience.SECONDS):
        while not await _written(product):
            await asyncio.sleep(0.2)
    assert await product.execute(0, "GET", "rv:{p00}:x") == b"before"
    await product.close()


async def _written(product: Redis) -> bool:
    try:
        await product.execute(0, "SET", "rv:{p00}:y", "after")
    except Unavailable:
        return False
    return True


ROOT = Path(__file__).parents[2]
ISSUED = re.compile(r'(?:execute|redis\.p?call)\(\s*(?:\w+,\s*)?["\']([A-Z]+)["\']')


def commands_of_the_product() -> set[str]:
    """Every Redis command in the store modules, their connection and the scripts."""
    kernel = ROOT / "services/rotavatar"
    files = [*(kernel / "store").glob("*.py"), *(kernel / "redis").glob("*.py"), *(kernel / "redis/lua").glob("*.lua")]
    return {name for file in files for name in ISSUED.findall(file.read_text())}


def may(server: Server, user: str, command: str, key: str = "rv:{p00}:x") -> bool:
    """Whether Redis lets a user run a command; the number of its arguments is tried out."""
    for count in range(9):
        try:
            answer = str(server.command("ACL", "DRYRUN", user, command, *([key] * count)))
        except redis.ResponseError as refusal:
            answer = str(refusal)
        if "OK" in answer:
            return True
        if "no permissions to run" in answer:
            return False
    raise AssertionError(f"{command}: {answer}")


def test_the_documented_users_may_do_what_they_must_and_no_more(start: Callable[..., Server]) -> None:
    server = start({})
    page = (ROOT / "docs/install.md").read_text()
    server.command("ACL", "SETUSER", "rotavatar", "on", "nopass", *documented_user(page, "ACL SETUSER rotavatar on >…"))
    server.command("ACL", "SETUSER", "keda", "on", "nopass", *documented_user(page, "reads streams only: `"))
    issued = commands_of_the_product()
    assert issued >= {"XADD", "HSET", "ZADD", "EVALSHA", "TIME", "INFO"}
    assert {command for command in issued - {"CONFIG", "CLUSTER", "XGROUP", "XINFO"}
            if not may(server, "rotavatar", command)} == set()  # fmt: skip
    for line in (["CONFIG", "GET", "maxmemory"], ["CLUSTER", "SLOTS"], ["XINFO", "GROUPS", "rv:{p00}:x"]):
        assert server.command("ACL", "DRYRUN", "rotavatar", *line) == b"OK", line
    for command in ("FLUSHALL", "KEYS", "SHUTDOWN", "DEBUG", "MONITOR"):
        assert not may(server, "rotavatar", command)
    for line in (["XINFO", "GROUPS", "rv:{p00}:x"], ["XPENDING", "rv:{p00}:x", "workers"], ["XLEN", "rv:{p00}:x"]):
        assert server.command("ACL", "DRYRUN", "keda", *line) == b"OK", line
    assert not may(server, "keda", "GET") and not may(server, "keda", "XREADGROUP")
