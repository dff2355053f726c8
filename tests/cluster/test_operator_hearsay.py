"""What the operator hears is late, old or nothing at all, and what it writes is refused: it ends where it should.

Sieve's stale and unobserved states, and a walk from spec to spec in the manner of Acto
(https://dl.acm.org/doi/10.1145/3600006.3613161).
"""

import random
from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any, TypeVar

import pytest

from rotavatar.errors import Unavailable
from rotavatar.keys import Workspace
from rotavatar.records import Status
from slacktenant_operator import ending
from slacktenant_operator.cluster import Overtaken
from tests.cluster.operating import Body
from tests.cluster.staging import AWAY, Stage
from tests.cluster.test_operator_deaths import (
    APP,
    OWN,
    SCENARIOS,
    TEAM,
    Act,
    declare,
    declare_app,
    declare_with_member,
    delete,
    join,
    played,
    rotate,
    rotate_app,
)
from tests.faults.dying import Fuse

T = TypeVar("T")


class Weather(Fuse):
    """Every third write fails: before it took effect or after, or with a conflict that nobody can explain."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance, self.blows = random.Random(seed), 0

    async def around(self, name: str, effect: Callable[[], Awaitable[T]], *, lost: Exception) -> T:
        self.effects.append(name)
        if self.chance.random() < 2 / 3:
            return await effect()
        self.blows += 1
        if self.chance.random() < 1 / 2:
            await effect()
            raise lost
        raise self.chance.choice([Unavailable("429"), Overtaken("409")]) if lost is AWAY else lost


@pytest.mark.parametrize("name", SCENARIOS)
async def test_refused_and_lost_writes(stage: Stage, name: str) -> None:
    scenario = SCENARIOS[name]
    undisturbed, _ = await played(stage, scenario)
    blows = 0
    for seed in range(3):
        await stage.begin()
        await scenario.before(stage)
        await stage.settle()
        weather = stage.process.under(Weather(seed))
        await scenario.act(stage)
        await stage.settle()
        assert await stage.end_state() == undisturbed, weather.effects
        blows += weather.blows
    assert blows


class ReadOnly(Fuse):
    """Redis answers, and takes no writes: it is full, or became a replica."""

    async def around(self, name: str, effect: Callable[[], Awaitable[T]], *, lost: Exception) -> T:
        if lost is not AWAY:
            raise lost
        return await effect()


async def test_a_redis_without_writes_is_told_and_holds_nobody_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await declare_with_member(stage)
    await stage.settle()
    stage.process.under(ReadOnly())
    await stage.world.patch_tenant("acme", policy={"lifelike": True})
    await stage.process.hear()
    await stage.process.work()
    assert await stage.world.condition("acme", "Synced") == ("False", "RedisUnavailable")
    await delete(stage)
    await stage.process.hear()
    await stage.process.work()
    assert await stage.world.tenant("acme") is not None
    monkeypatch.setattr(ending, "PATIENCE_SECONDS", 0.0)
    stage.process.resync()
    await stage.process.work()
    assert await stage.world.tenant("acme") is None
    stage.process.under(Fuse())
    await stage.settle()
    record = await stage.world.record(TEAM)
    assert record is not None
    assert (record.tenant, record.status) == ("", Status.UNINSTALLED)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_restart_that_is_told_what_was(stage: Stage, name: str) -> None:
    scenario = SCENARIOS[name]
    undisturbed, _ = await played(stage, scenario)
    await stage.begin()
    await scenario.before(stage)
    await stage.settle()
    old = await stage.world.tenants()
    await scenario.act(stage)
    await stage.settle()
    await stage.restart(stale=old)
    stage.process.parts._ears.record(Workspace(TEAM))
    await stage.process.work()
    await stage.settle()
    ended = await stage.end_state()
    for state in (ended, undisturbed):  # what had ended is begun once more, and ends
        state["redis"][TEAM]["epoch"] = 0
    assert ended == undisturbed


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_nobody_tells_is_found_out(stage: Stage, name: str) -> None:
    """No event of a tenant arrives, and no mark in Redis."""
    scenario = SCENARIOS[name]
    undisturbed, _ = await played(stage, scenario)
    await stage.begin()
    await scenario.before(stage)
    await stage.settle()
    await scenario.act(stage)
    await stage.process.hear_secrets()
    await stage.process.find_out()
    ended = await stage.end_state()
    ended["redis"]["keys"] = [key for key in ended["redis"]["keys"] if not key.endswith(":changed")]
    assert ended == undisturbed


@pytest.mark.parametrize(("before", "act"), [(declare, rotate), (declare_app, rotate_app)])
async def test_a_secret_of_which_nobody_tells_is_read(stage: Stage, before: Act, act: Act) -> None:
    await before(stage)
    await stage.settle()
    await act(stage)
    await stage.process.find_out()
    unheard = await stage.end_state()
    await stage.settle()
    heard = await stage.end_state()
    for state in (unheard, heard):
        state["redis"]["apps"] = {app: values[:4] for app, values in state["redis"]["apps"].items()}
    assert unheard == heard
    told = str(heard)
    assert stage.latest == "" or "token 2" in told
    assert act is not rotate_app or "sign-2" in told


PLAIN = {"botToken": {"name": "plain"}}
OTHER = {"botToken": {"name": "other"}}
OWN_APP = {"app": APP, "botToken": {"name": "of-own-app"}}
STRICT = {
    "frequencies": {"allowed": ["4h", "1d"], "default": "1d"},
    "limits": {"photo": {"perMinute": 5, "burst": 1}},
    "quietHours": {"from": "20:00", "to": "07:00"},
}
FAMILIES: dict[str, list[Body]] = {
    "the app of the settings": [
        PLAIN,
        OTHER,
        {},
        PLAIN | {"policy": STRICT},
        PLAIN | {"policy": {"lifelike": True, "maxMembers": 5}},
        PLAIN | {"suspend": True},
        {"suspend": True, "policy": STRICT, "deletionPolicy": "Retain", "resyncPeriod": "1m"},
    ],
    "an app of its own": [
        OWN_APP,
        {"app": APP},
        OWN_APP | {"policy": STRICT},
        OWN_APP | {"suspend": True, "deletionPolicy": "Retain"},
    ],
}
"""Between the two there is no way: the app of a SlackTenant cannot change."""

REMEMBERED = ("name", "app", "enterprise", "bot_user", "epoch", "chores", "credential_at")
"""What is known of a workspace is not forgotten when a spec no longer needs it."""


async def furnish(stage: Stage, spec: Body) -> None:
    """Secrets for every spec, and a tenant with a member."""
    stage.world.simulator.slack.apps = (*stage.world.simulator.slack.apps, OWN)
    token = stage.new_token(TEAM)
    await stage.apply_secret("plain", token=token)
    await stage.apply_secret("other", token=token)
    own = stage.world.simulator.install(TEAM, f"U{TEAM[1:]}", member=False, app=OWN)["bot"].access
    await stage.apply_secret("of-own-app", token=stage.called(own))
    await stage.apply_secret("app", client=OWN.client_secret, signing="sign-1")
    await stage.world.create_tenant("acme", workspace=TEAM, **spec)
    await stage.settle()
    await join(stage)
    await stage.settle()


async def respecify(stage: Stage, spec: Body) -> None:
    """What `kubectl apply` of the whole object comes to."""
    body = await stage.world.tenant("acme")
    assert body is not None
    body["spec"] = {"workspace": TEAM, **spec}
    await stage.world.api("PUT", stage.world._tenants("acme"), body)
    await stage.settle()


async def told(stage: Stage) -> dict[str, Any]:
    """The end state without what is remembered."""
    state = await stage.end_state()
    state["redis"][TEAM] = {k: v for k, v in state["redis"][TEAM].items() if k not in REMEMBERED}
    state["redis"]["keys"] = [key for key in state["redis"]["keys"] if not key.endswith((":chores", ":pace:" + TEAM))]
    for tenant in state["tenants"]:
        tenant["rest"].pop("workspace", None)
    return state


@pytest.mark.parametrize("family", FAMILIES)
async def test_after_any_way_the_last_spec_counts(stage: Stage, family: str) -> None:
    """From each spec to each other, in an order that chance has made, with a restart now and then."""
    specs, chance = FAMILIES[family], random.Random(7)
    await furnish(stage, specs[0])
    ways = list(permutations(range(len(specs)), 2))
    chance.shuffle(ways)
    ends: dict[int, dict[str, Any]] = {}
    for number, way in enumerate(ways):
        for here in way:
            await respecify(stage, specs[here])
            ended = await told(stage)
            assert ended == ends.setdefault(here, ended), f"way {number}: {[specs[each] for each in way]}"
        if number % 5 == 0:
            await stage.restart()
            await stage.settle()
            assert await told(stage) == ended
