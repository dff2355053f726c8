"""Further Slack apps: sealed in Redis, known to every process within a second, verified with their own secrets."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from rotavatar.apps import AppCredentials, AppRegistry, seal_app
from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing
from rotavatar.redis import Redis
from rotavatar.store import AppStore
from rotavatar.vault import Vault
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
    assert known is not None and known.signing_keys() == [b"theirs"]
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


async def test_a_running_ingress_serves_a_new_app(valkey: Server, vault: Vault, tmp_path: Path) -> None:
    at.draw(tmp_path)
    variables = at.environment(redis_url=valkey.url, catalogue=tmp_path)
    ingress = await asyncio.to_thread(at.start_ingress, variables)
    redis = await Redis.connect(valkey.url, name="test")

    with ingress:
        await serves_a_new_app(ingress, redis, vault)
        assert await asyncio.to_thread(ingress.stop) == 0
    await redis.close()


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
        sent = (await client.get("/slack/apps/A0ACME/install")).headers["location"]
    assert "client_id=77.88" in sent
    assert "%2Fslack%2Fapps%2FA0ACME%2Foauth_redirect" in sent
