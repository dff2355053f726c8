"""The publisher, put together: what `python -m publisher` runs."""

import asyncio
import os
import socket
from typing import Final

import structlog

from publisher import metrics
from publisher.marking import Marker
from publisher.publishing import Publisher
from publisher.reading import TabReader
from publisher.state import Place
from publisher.turns import SLOTS, Turns
from rotavatar import keys, telemetry
from rotavatar.apps import AppRegistry, app_of_settings
from rotavatar.catalogue import Library
from rotavatar.clock import RedisClock
from rotavatar.consumer import Consumer
from rotavatar.errors import Unavailable
from rotavatar.health import Heartbeat, serving_probes
from rotavatar.keyring import KeyRing
from rotavatar.process import Life
from rotavatar.settings import PublisherSettings
from rotavatar.shared import office
from rotavatar.slack import SlackAddresses, SlackClient
from rotavatar.starting import redis_when_there
from rotavatar.store import JobStore, LeaseStore, MemberStore, PublishStore, WorkspaceStore
from rotavatar.store.apps import AppStore
from rotavatar.tokens import Tokens
from rotavatar.vault import Vault

log = structlog.get_logger()

PICTURES_SECONDS: Final = 5.0
"""How often newly drawn pictures are looked for; free once the catalogue is complete."""

COUNT_SECONDS: Final = 15.0
"""How often waiting tabs are counted: as often as Prometheus commonly looks."""

STILL_SECONDS: Final = 30.0
"""The claim loop turns at least once a second; so long without a beat only when it hangs."""


async def serve(settings: PublisherSettings, life: Life) -> None:
    """Run until `life` ends. Raises ConfigurationError before anything is done where a setting is wrong."""
    telemetry.configure("publisher", log_format=settings.process.log_format, level=settings.process.log_level)
    ring = KeyRing(settings.vault.keys)
    vault = Vault(ring)
    library = Library(settings.catalogue.folder)
    redis = await redis_when_there(settings.redis.access, name="publisher", life=life, process=settings.process)
    if redis is None:
        return
    clock = RedisClock(measure=redis.measure)
    await clock.synchronise()
    jobs, members, workspaces, publishing = (
        JobStore(redis),
        MemberStore(redis),
        WorkspaceStore(redis),
        PublishStore(redis),
    )
    apps = AppRegistry(app_of_settings(settings.slack), source=AppStore(redis), vault=vault)
    place = Place(public_url=settings.public.url, app=settings.slack.app_id)
    reader = TabReader(members=members, publishing=publishing, clock=clock, library=library, place=place)
    addresses = SlackAddresses(settings.slack.base_url)
    async with SlackClient(addresses, connections=SLOTS, wall=clock.wall) as slack:
        tokens = Tokens(
            vault=vault,
            slack=slack,
            clock=clock,
            apps=apps,
            members=members,
            workspaces=workspaces,
            leases=LeaseStore(redis),
        )
        publisher = Publisher(
            reader=reader,
            slack=slack,
            bot_token=tokens.of_bot,
            publishing=publishing,
            members=members,
            workspaces=workspaces,
            clock=clock,
        )
        heartbeat = Heartbeat("turns", limit=STILL_SECONDS)
        turns = Turns(publishing=publishing, publisher=publisher, clock=clock, heartbeat=heartbeat)
        marker = Marker(publishing=publishing, jobs=jobs, reader=reader, clock=clock, wake=turns.wake)
        consumer = Consumer(
            redis=redis,
            jobs=jobs,
            clock=clock,
            streams=[keys.publish_jobs(partition) for partition in range(keys.PARTITIONS)],
            name=f"{socket.gethostname()}-{os.getpid()}",
        )
        async with serving_probes(
            host=settings.process.host,
            port=settings.process.metrics_port,
            heartbeats=[heartbeat],
            checks={"redis": redis.check},
        ):
            await life.supervise(
                {
                    "turns": turns.run(),
                    "jobs": consumer.run_batches(marker.handle),
                    "stop": _stop(life, consumer, turns),
                },
                background={
                    "clock": clock.run(),
                    "keys": ring.keep_fresh(),
                    "apps": apps.keep_fresh(),
                    "pictures": _look_for_pictures(library),
                    "count": _count(publishing),
                    "shared facts": office(redis, clock=clock, keys=ring).run(),
                },
            )
    await redis.close()


async def _stop(life: Life, consumer: Consumer, turns: Turns) -> None:
    await life.stopping.wait()
    consumer.stop()
    turns.stop()


async def _look_for_pictures(library: Library) -> None:
    while True:
        await asyncio.sleep(PICTURES_SECONDS)
        library.refresh()


async def _count(publishing: PublishStore) -> None:
    while True:
        try:
            waiting = await asyncio.gather(*(publishing.backlog(p) for p in range(keys.PARTITIONS)))
            metrics.WANTED.set(sum(waiting))
        except Unavailable as error:
            log.debug("waiting tabs not counted", reason=str(error))
        await asyncio.sleep(COUNT_SECONDS)
