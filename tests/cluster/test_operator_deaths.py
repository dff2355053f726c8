"""The operator dies at any of its writes, or is not told that one arrived: whoever comes next ends where it would have.

Every k of every scenario (Sieve's intermediate states, https://www.usenix.org/conference/osdi22/presentation/sun).
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from rotavatar.records import Suspension
from slack_simulator.config import AppConfig
from tests.cluster.staging import Stage
from tests.faults.dying import How

TEAM, USER = "T0DEATHS", "U0ANA"
BORN = TEAM.lower()
OWN = AppConfig(app_id="A0OWNAPP", client_id="77.88", client_secret="own-secret", signing_secrets=("sign-1",))
APP = {
    "appID": OWN.app_id,
    "clientID": OWN.client_id,
    "clientSecret": {"name": "app", "key": "client"},
    "signingSecrets": [{"name": "app", "key": "signing"}],
}
Act = Callable[[Stage], Awaitable[Any]]


async def nothing(_: Stage) -> None:
    return


async def declare(stage: Stage, name: str = "acme", **spec: Any) -> None:
    await stage.apply_secret(f"{name}-slack", token=stage.new_token(TEAM))
    await stage.world.create_tenant(name, workspace=TEAM, botToken={"name": f"{name}-slack"}, **spec)


async def declare_with_member(stage: Stage, **spec: Any) -> None:
    await declare(stage, **spec)
    await stage.settle()
    await join(stage)


async def join(stage: Stage, suspended: Suspension = Suspension.NO) -> None:
    """Somebody connects; in a workspace without a tenant that is its installation."""
    stage.called(await stage.world.install(TEAM, USER, suspended=suspended))


async def rotate(stage: Stage) -> None:
    await stage.apply_secret("acme-slack", token=stage.new_token(TEAM))


async def change_policy(stage: Stage) -> None:
    policy = {"frequencies": {"allowed": ["1d"], "default": "1d"}, "limits": {"photo": {"perMinute": 5, "burst": 1}}}
    await stage.world.patch_tenant("acme", policy=policy)


async def suspend(stage: Stage) -> None:
    await stage.world.patch_tenant("acme", suspend=True)


async def declare_app(stage: Stage) -> None:
    await stage.apply_secret("app", client=OWN.client_secret, signing="sign-1")
    await stage.world.create_tenant("acme", workspace=TEAM, app=APP)


async def rotate_app(stage: Stage) -> None:
    await stage.apply_secret("app", client=OWN.client_secret, signing="sign-2")


async def reinstall(stage: Stage) -> None:
    stage.world.simulator.slack.tokens.kill(await stage.world.token(TEAM))
    await join(stage)


async def uninstall(stage: Stage) -> None:
    await stage.world.uninstall(TEAM)


async def born_to_stay(stage: Stage) -> None:
    await join(stage)
    await stage.settle()
    await stage.world.patch_tenant(BORN, deletionPolicy="Retain")


async def delete(stage: Stage) -> None:
    await stage.world.delete_tenant("acme")


async def delete_born(stage: Stage) -> None:
    await stage.world.delete_tenant(BORN)


async def declare_twice(stage: Stage) -> None:
    await declare(stage)
    await stage.world.next_second()
    await stage.world.create_tenant("zweiter", workspace=TEAM, botToken={"name": "acme-slack"}, suspend=True)


class Scenario(NamedTuple):
    """What was before, and what a person, Slack or ingress does."""

    before: Act
    act: Act
    least: int
    """How many writes there are at least: a scenario that writes nothing proves nothing."""


SCENARIOS = {
    "declared": Scenario(nothing, declare, 2),
    "the Secret is another": Scenario(declare, rotate, 2),
    "the policy is another": Scenario(declare_with_member, change_policy, 2),
    "suspended": Scenario(declare_with_member, suspend, 2),
    "with an app of its own": Scenario(nothing, declare_app, 4),
    "the app has another signing secret": Scenario(declare_app, rotate_app, 1),
    "an app of its own goes": Scenario(declare_app, delete, 3),
    "born of an installation": Scenario(nothing, join, 4),
    "born to wait for approval": Scenario(nothing, lambda stage: join(stage, Suspension.APPROVAL), 4),
    "installed once more": Scenario(join, reinstall, 2),
    "uninstalled": Scenario(join, uninstall, 3),
    "uninstalled and kept": Scenario(born_to_stay, uninstall, 2),
    "born and deleted": Scenario(join, delete_born, 2),
    "deleted": Scenario(declare, delete, 1),
    "deleted with members": Scenario(declare_with_member, delete, 2),
    "deleted and kept": Scenario(lambda stage: declare_with_member(stage, deletionPolicy="Retain"), delete, 1),
    "a duplicate takes over": Scenario(declare_twice, delete, 2),
}


async def played(stage: Stage, scenario: Scenario, k: int = 0, how: How = How.BEFORE) -> tuple[dict[str, Any], int]:
    """The end, and how many writes it took."""
    await stage.begin()
    await scenario.before(stage)
    await stage.settle()
    fuse = stage.arm(k, how)
    await scenario.act(stage)
    await stage.settle()
    assert fuse.struck == bool(k)
    assert stage.deaths == (1 if k and how is not How.LOST else 0)
    return await stage.end_state(), len(fuse.effects)


def points(writes: int) -> list[tuple[int, How]]:
    """Every death and every lost answer; to die before a write is to die after the one before it."""
    struck = [(k, how) for k in range(1, writes + 1) for how in (How.AFTER, How.LOST)]
    return [(1, How.BEFORE), *struck]


@pytest.mark.parametrize("name", SCENARIOS)
async def test_death_at_every_write(stage: Stage, name: str) -> None:
    scenario = SCENARIOS[name]
    undisturbed, writes = await played(stage, scenario)
    assert writes >= scenario.least, stage.process.fuse.effects
    for k, how in points(writes):
        ended, _ = await played(stage, scenario, k, how)
        assert ended == undisturbed, f"{how}, {k} of {writes}"
