"""The rotator, put together: what `python -m rotator` runs."""

import asyncio
import os
import random
import socket
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from rotator.chores import Chores
from rotator.claims import HANDS, Claims
from rotator.farewell import Farewell
from rotator.jobs import Jobs
from rotator.notice import Notice
from rotator.policing import Policing
from rotator.revocations import Revocations
from rotator.rotation import CALL_SECONDS, Rotation
from rotator.showing import Showing
from rotator.sweeping import Sweep
from rotator.wardrobe import Wardrobe
from rotavatar import keys, telemetry
from rotavatar.apps import AppRegistry, app_of_settings
from rotavatar.catalogue import Library
from rotavatar.clock import RedisClock
from rotavatar.consumer import Consumer
from rotavatar.health import Heartbeat, serving_probes
from rotavatar.keyring import KeyRing
from rotavatar.photo_store import open_photo_store
from rotavatar.process import Life
from rotavatar.settings import RotatorSettings
from rotavatar.shared import office
from rotavatar.slack import SlackAddresses, SlackClient, Timeouts
from rotavatar.starting import redis_when_there
from rotavatar.store import JobStore, LeaseStore, MemberStore, WorkspaceStore
from rotavatar.store.apps import AppStore
from rotavatar.tokens import Tokens
from rotavatar.vault import Vault

CONNECT_SECONDS: Final = 3.0
REFRESH_SECONDS: Final = 5.0
"""How often newly drawn pictures are looked for; free once the catalogue is complete."""


async def serve(settings: RotatorSettings, life: Life) -> None:
    """Run until `life` ends. Raises ConfigurationError before anything is done where a setting is wrong."""
    telemetry.configure("rotator", log_format=settings.process.log_format, level=settings.process.log_level)
    ring = KeyRing(settings.vault.keys)
    vault = Vault(ring)
    wardrobe = Wardrobe(Library(settings.catalogue.folder))
    photos = open_photo_store(settings.photos.store_url, vault)
    redis = await redis_when_there(settings.redis.access, name="rotator", life=life, process=settings.process)
    if redis is None:
        return
    clock = RedisClock(measure=redis.measure)
    await clock.synchronise()
    members, workspaces, jobs = MemberStore(redis), WorkspaceStore(redis), JobStore(redis)
    apps = AppRegistry(app_of_settings(settings.slack), source=AppStore(redis), vault=vault)
    addresses = SlackAddresses(settings.slack.base_url)
    timeouts = Timeouts(connect=CONNECT_SECONDS, whole=CALL_SECONDS)
    async with (
        SlackClient(addresses, timeouts=timeouts, connections=2 * HANDS, wall=clock.wall) as slack,
        asyncio.TaskGroup() as beside,
    ):
        tokens = Tokens(
            vault=vault,
            slack=slack,
            clock=clock,
            apps=apps,
            members=members,
            workspaces=workspaces,
            leases=LeaseStore(redis),
        )
        leaving = Farewell(
            clock=clock, slack=slack, workspaces=workspaces, photos=photos, retention_days=settings.retention.days
        )
        rotation = Rotation(
            clock=clock,
            slack=slack,
            tokens=tokens,
            members=members,
            leases=LeaseStore(redis),
            showing=Showing(
                slack=slack,
                photos=photos,
                leases=LeaseStore(redis),
                wardrobe=wardrobe,
                may_fetch=settings.photos.fetch_hosts.allow,
            ),
            wardrobe=wardrobe,
            farewell=leaving,
            notice=Notice(slack=slack, tokens=tokens),
            random=random.random,
        )
        sweep = Sweep(clock=clock, photos=photos, members=members, workspaces=workspaces, leases=LeaseStore(redis))
        chores = Chores(
            clock=clock,
            tokens=tokens,
            members=members,
            workspaces=workspaces,
            photos=photos,
            wardrobe=wardrobe,
            leaving=leaving,
            policing=Policing(clock=clock, members=members, jobs=jobs, wardrobe=wardrobe),
            sweep=sweep,
        )
        await sweep.plan()
        heartbeat = Heartbeat("claims", limit=60)
        claims = Claims(clock=clock, members=members, rotation=rotation, chores=chores, life=life, heartbeat=heartbeat)
        revocations = Revocations(
            clock=clock, slack=slack, tokens=tokens, members=members, workspaces=workspaces, leaving=leaving
        )
        handler = Jobs(
            clock=clock,
            slack=slack,
            tokens=tokens,
            members=members,
            jobs=jobs,
            wardrobe=wardrobe,
            revocations=revocations,
            wake=claims.wake,
            spawn=partial(_spawn, beside),
        )
        consumer = Consumer(
            redis=redis,
            jobs=jobs,
            clock=clock,
            streams=[keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)],
            name=consumer_name(),
        )
        async with serving_probes(
            host=settings.process.host,
            port=settings.process.metrics_port,
            heartbeats=[heartbeat],
            checks={"redis": redis.check},
        ):
            await life.supervise(
                {
                    "claims": claims.run(),
                    "chores": claims.run_chores(),
                    "jobs": consumer.run(handler.handle),
                    "stop": _stop(life, consumer),
                },
                background={
                    "clock": clock.run(),
                    "keys": ring.keep_fresh(),
                    "apps": apps.keep_fresh(),
                    "pictures": _look_for_pictures(wardrobe),
                    "shared facts": office(redis, clock=clock, keys=ring).run(),
                },
            )
    await redis.close()


def consumer_name() -> str:
    """This process among the consumers of a stream; a restarted pod has another one."""
    return f"{socket.gethostname()}-{os.getpid()}"


async def _stop(life: Life, consumer: Consumer) -> None:
    await life.stopping.wait()
    consumer.stop()


async def _look_for_pictures(wardrobe: Wardrobe) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        wardrobe.library.refresh()


def _spawn(tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> object:
    return tasks.create_task(work)
