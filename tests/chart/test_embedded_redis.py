"""The embedded Valkey, started as its pod starts it: the shell's line, the configuration and the secret."""

import asyncio
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotavatar.configuration import Secret
from rotavatar.errors import Unavailable
from rotavatar.redis import Redis, RedisAccess
from rotavatar.store import ServerStore
from tests.chart.rendering import render
from tests.patience import SECONDS
from tests.servers import SHIPPED_OPTIONS, free_port, valkey_binary

PASSWORD = "a-password-of-the-operator"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of the running server; its mounted folders lie below `tmp_path`."""
    rendered = render("trial")
    (container,) = rendered.one("StatefulSet")["spec"]["template"]["spec"]["containers"]
    places = {mount["mountPath"]: tmp_path / mount["name"] for mount in container["volumeMounts"]}
    for folder in places.values():
        folder.mkdir()

    mounts = re.compile("|".join(map(re.escape, places)))

    def moved(text: str) -> str:
        return mounts.sub(lambda found: str(places[found[0]]), text)

    own = free_port()
    (places["/run/secrets/rotavatar"] / "redis-password").write_text(PASSWORD)
    config = rendered.one("ConfigMap", "-redis")["data"]["valkey.conf"]
    local = (
        config.replace("port 6379", f"port {own}").replace("bind * -::*", "bind 127.0.0.1").replace("/data", "{data}")
    )
    (places["/etc/valkey"] / "valkey.conf").write_text(local.format(data=places["/data"]))
    words = [*container["command"], *(moved(text) for text in container["args"])]
    environ = {"PATH": f"{valkey_binary().parent}:{os.environ['PATH']}"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environ, stdout=log, stderr=log)
    yield own
    process.kill()
    process.wait()


async def connected(port: int, password: str | None) -> Redis:
    given = Secret(password) if password else None
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await Redis.connect(
                    RedisAccess(url=Secret(f"redis://127.0.0.1:{port}/0"), password=given), name="test"
                )
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_it_is_what_the_product_needs_and_asks_for_the_password(port: int) -> None:
    redis = await connected(port, PASSWORD)
    (facts,) = await ServerStore(redis).facts()
    assert facts.options is not None
    assert {name: facts.options[name] for name in SHIPPED_OPTIONS if name in facts.options} == {
        name: value for name, value in SHIPPED_OPTIONS.items() if name in facts.options
    }
    assert facts.options["maxmemory"] == str(256 * 1024 * 1024)
    await redis.close()
    for wrong in (None, "another"):
        with pytest.raises(Unavailable):
            await Redis.connect(
                RedisAccess(url=Secret(f"redis://127.0.0.1:{port}/0"), password=Secret(wrong) if wrong else None),
                name="test",
            )


async def test_nobody_else_can_read_the_password(port: int, tmp_path: Path) -> None:
    """It reaches the server through a file of its own, in memory, and never as an argument."""
    await (await connected(port, PASSWORD)).close()
    acl = tmp_path / "tmp/users.acl"
    assert PASSWORD in acl.read_text()
    assert stat.S_IMODE(acl.stat().st_mode) == 0o600
    (volume,) = [
        each
        for each in render("trial").one("StatefulSet")["spec"]["template"]["spec"]["volumes"]
        if each["name"] == "tmp"
    ]
    assert volume["emptyDir"]["medium"] == "Memory"
