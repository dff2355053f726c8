"""Further Slack apps: sealed in Redis, known to every process within a second, verified with their own secrets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest

from rotavatar.apps import OVERLAP_SECONDS, AppCredentials, AppRegistry, open_app, replacing, seal_app
from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing
from rotavatar.redis import Redis
from rotavatar.store import AppStore
from rotavatar.vault import Owner, Vault
from tests import ingress as at
from tests.ingress import Ingress, signed
from tests.patience import SECONDS
from tests.servers import Server

OWN = AppCredentials(app_id=at.APP_ID, client_id="1", client_secret=Secret("own"))
OTHER_KEYS = "k9:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="


def other(signing: str = "theirs", app_id: str = "A0ACME") -> AppCredentials:
    return AppCredentials(
        app_id=app_id, client_id="77.88", client_secret=Secret("hush"), signing_secrets=(Secret(signing),)
    )


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


@pytest.fixture
def vault() -> Vault:
    return Vault(KeyRing(Secret(at.VAULT_KEYS)))


async def test_an_app_is_known_once_it_is_stored_and_forgotten_once_it_is_removed(redis: Redis, vault: Vault) -> None:
    store = AppStore(redis)
    registry = AppRegistry(OWN, source=store, vault=vault)
    assert not await registry.refresh()
    assert registry.get("A0ACME") is None
    await store.put("A0ACME", seal_app(vault, other()))
    assert await registry.refresh()
    known = registry.get("A0ACME")
    assert known == other()
    assert known is not None and known.signing_keys(wall=0) == [b"theirs"]
    assert not await registry.refresh()
    await store.put("A0ACME", seal_app(vault, other("changed")))
    assert await registry.refresh()
    assert registry.get("A0ACME") == other("changed")
    await store.remove("A0ACME")
    assert await registry.refresh()
    assert set(registry.ids()) == {at.APP_ID}
    await store.remove("A0ACME")
    assert not await registry.refresh()


async def test_the_app_of_the_settings_cannot_be_replaced(redis: Redis, vault: Vault) -> None:
    registry = AppRegistry(OWN, source=AppStore(redis), vault=vault)
    await AppStore(redis).put(at.APP_ID, seal_app(vault, other(app_id=at.APP_ID)))
    await registry.refresh()
    assert registry.get(at.APP_ID) == OWN


async def test_credentials_that_do_not_open_hide_nobody_else_and_are_tried_again(redis: Redis, vault: Vault) -> None:
    strange = Vault(KeyRing(Secret(OTHER_KEYS)))
    store = AppStore(redis)
    await store.put("A0ACME", seal_app(vault, other()))
    await store.put("A0LOCKED", seal_app(strange, other(app_id="A0LOCKED")))
    await store.put("A0MOVED", seal_app(vault, other()))
    registry = AppRegistry(OWN, source=store, vault=vault)
    assert await registry.refresh()
    assert set(registry.ids()) == {at.APP_ID, "A0ACME"}
    both = AppRegistry(OWN, source=store, vault=Vault(KeyRing(Secret(f"{at.VAULT_KEYS},{OTHER_KEYS}"))))
    await both.refresh()
    assert set(both.ids()) == {at.APP_ID, "A0ACME", "A0LOCKED"}


async def test_nothing_readable_of_an_app_is_in_redis(redis: Redis, vault: Vault) -> None:
    await AppStore(redis).put("A0ACME", seal_app(vault, other()))
    stored = await AppStore(redis).read()
    assert not any(word in stored.sealed["A0ACME"] for word in (b"hush", b"theirs", b"77.88"))


def test_a_replaced_secret_counts_until_its_deadline_and_no_longer(vault: Vault) -> None:
    first, second, third = other("one"), other("two"), other("three")
    assert replacing(None, first, wall=0) == first
    overlap = replacing(first, second, wall=1000.9)
    deadline = 1000 + OVERLAP_SECONDS
    assert overlap.signing_keys(wall=deadline - 0.1) == [b"two", b"one"]
    assert overlap.signing_keys(wall=deadline) == [b"two"]
    assert (overlap.next_retirement(wall=2000), overlap.next_retirement(wall=deadline)) == (deadline, None)
    assert replacing(overlap, second, wall=2000) == overlap, "nothing new, so no deadline is moved"
    assert replacing(overlap, second, wall=deadline) == second
    three = replacing(overlap, third, wall=2000)
    assert three.signing_keys(wall=2000) == [b"three", b"one", b"two"]
    assert three.signing_keys(wall=deadline) == [b"three", b"two"]
    back = replacing(overlap, first, wall=2000)
    assert back.signing_keys(wall=2000) == [b"one", b"two"], "what is in use again has no deadline"
    assert open_app(vault, "A0ACME", seal_app(vault, three)) == three


def test_what_older_versions_sealed_is_read_and_they_read_what_has_no_deadlines(vault: Vault) -> None:
    old = vault.seal(msgspec.msgpack.encode(("77.88", "hush", ["theirs"])), Owner("app", "A0ACME"))
    assert open_app(vault, "A0ACME", old) == other()
    opened = vault.open(seal_app(vault, other()), Owner("app", "A0ACME"))
    assert msgspec.msgpack.decode(opened) == ["77.88", "hush", ["theirs"]]


async def test_where_an_app_came_from_is_known_without_opening_it(redis: Redis, vault: Vault) -> None:
    store = AppStore(redis)
    await store.put("A0ACME", seal_app(vault, other()), source="uid-1/5")
    await store.put("A0PLAIN", seal_app(vault, other(app_id="A0PLAIN")))
    assert await store.sources() == {"A0ACME": "uid-1/5"}
    await store.put("A0ACME", seal_app(vault, other()))
    assert await store.sources() == {"A0ACME": "uid-1/5"}, "sealed with another key, from the same place"
    assert set((await store.read()).sealed) == {"A0ACME", "A0PLAIN"}
    await store.remove("A0ACME")
    assert await store.sources() == {}


async def test_a_running_ingress_serves_a_new_app(valkey: Server, vault: Vault, tmp_path: Path) -> None:
    at.draw(tmp_path)
    variables = at.environment(redis_url=valkey.url, catalogue=tmp_path)
    ingress = await asyncio.to_thread(at.start_ingress, variables)
    redis = await Redis.connect(valkey.url, name="test")

    with ingress:
        await serves_a_new_app(ingress, redis, vault)
        assert await asyncio.to_thread(ingress.stop) == 0
    await redis.close()


async def replaces_its_secret(post: Callable[[str], Awaitable[int]], redis: Redis, vault: Vault) -> None:
    """Old and new are both accepted, the old one until its deadline in the real time."""
    both = replacing(other(), other("newer"), wall=time.time())
    await AppStore(redis).put("A0ACME", seal_app(vault, both))
    async with asyncio.timeout(SECONDS):
        while await post("newer") != 200:
            await asyncio.sleep(0.1)
    assert await post("theirs") == 200
    over = replacing(other(), other("newer"), wall=time.time() - OVERLAP_SECONDS + 2)
    await AppStore(redis).put("A0ACME", seal_app(vault, over))
    async with asyncio.timeout(SECONDS):
        while await post("theirs") != 401:
            await asyncio.sleep(0.1)
    assert await post("newer") == 200


async def serves_a_new_app(ingress: Ingress, redis: Redis, vault: Vault) -> None:
    body = json.dumps(at.home_opened()).encode()
    async with httpx.AsyncClient(base_url=ingress.url, timeout=SECONDS) as client:

        async def post(secret: str) -> int:
            headers = signed(body, secret=secret)
            return (await client.post("/slack/apps/A0ACME/events", content=body, headers=headers)).status_code

        assert await post("theirs") == 404
        await AppStore(redis).put("A0ACME", seal_app(vault, other()))
        async with asyncio.timeout(SECONDS):
            while await post("theirs") != 200:
                await asyncio.sleep(0.1)
        assert await post(at.SECRET) == 401
        await replaces_its_secret(post, redis, vault)
        sent = (await client.get("/slack/apps/A0ACME/install")).headers["location"]
    assert "client_id=77.88" in sent
    assert "%2Fslack%2Fapps%2FA0ACME%2Foauth_redirect" in sent
