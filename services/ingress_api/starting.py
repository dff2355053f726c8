"""How the process comes up, runs and goes down."""

import argparse
import asyncio
import os
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from ingress_api.acking import Route, SlackRoutes
from ingress_api.app import Ingress
from ingress_api.commands import commands_reader
from ingress_api.events import read_event
from ingress_api.interactions import interactions_reader, read_suggestion
from ingress_api.oauth import OAuth
from ingress_api.pictures import Pictures
from ingress_api.serving import serve_until_stopped
from ingress_api.site import create_site
from rotavatar import process, telemetry
from rotavatar.apps import AppRegistry, app_of_settings
from rotavatar.catalogue import Library
from rotavatar.clock import RedisClock
from rotavatar.configuration import declared
from rotavatar.errors import ConfigurationError
from rotavatar.health import Check, listen, serving_probes
from rotavatar.keyring import KeyRing
from rotavatar.process import Life
from rotavatar.redis import Redis
from rotavatar.settings import IngressSettings, load
from rotavatar.slack import SlackAddresses, SlackClient
from rotavatar.starting import redis_when_there
from rotavatar.store import AppStore, ConsentStore, JobStore, WorkspaceStore
from rotavatar.vault import Vault

log = structlog.get_logger()

REDIS_SECONDS: Final = 1.5
"""Redis has to answer within this: Slack waits 3 s, and has to learn before that to send again."""

LOOK_SECONDS: Final = 5.0
"""How often the folder of catalogues is looked at, and how often an absent Redis is tried at the start."""


def main(argv: list[str]) -> int:
    """Run until stopped; returns the exit code of rotavatar.process."""
    parser = argparse.ArgumentParser(
        prog="python -m ingress_api",
        description="Verifies what Slack sends, turns it into jobs and acks; serves the pages and pictures.",
        epilog="Everything is set by environment variables: " + ", ".join(sorted(_variables())) + ".",
    )
    parser.parse_args(argv)
    return process.run("ingress", partial(serve, environ=os.environ))


async def serve(life: Life, *, environ: Mapping[str, str]) -> None:
    """The whole process. Raises ConfigurationError when it cannot start."""
    settings = load(IngressSettings, environ)
    telemetry.configure("ingress", log_format=settings.process.log_format, level=settings.process.log_level)
    library = Library(settings.catalogue.folder)
    listener = listen(settings.process.host, settings.web.port, setting="ROTAVATAR_PORT")
    redis = await redis_when_there(
        settings.redis.access, name="ingress", life=life, process=settings.process, patience=REDIS_SECONDS
    )
    if redis is None:
        return
    try:
        clock = RedisClock(measure=redis.measure)
        async with SlackClient(SlackAddresses(settings.slack.base_url), wall=clock.wall) as slack:
            vault = Vault(KeyRing(settings.vault.keys))
            apps = AppRegistry(app_of_settings(settings.slack, settings.signing), source=AppStore(redis), vault=vault)
            await clock.synchronise()
            await apps.refresh()
            app = _application(settings, redis=redis, slack=slack, clock=clock, vault=vault, apps=apps, library=library)
            async with serving_probes(
                host=settings.process.host,
                port=settings.process.metrics_port,
                checks={"redis": _answers(redis), "running": _running(life)},
            ) as metrics_port:
                log.info(
                    "serving", port=listener.getsockname()[1], metrics_port=metrics_port, public_url=settings.public.url
                )
                await life.supervise(
                    {"http": serve_until_stopped(app, listener, life)},
                    background={
                        "clock": clock.run(),
                        "apps": apps.keep_fresh(),
                        "vault keys": vault.keys.keep_fresh(),
                        "catalogue": _keep_looking(library),
                    },
                )
    finally:
        await redis.close()


def _application(
    settings: IngressSettings,
    *,
    redis: Redis,
    slack: SlackClient,
    clock: RedisClock,
    vault: Vault,
    apps: AppRegistry,
    library: Library,
) -> Ingress:
    oauth = OAuth(
        public_url=settings.public.url,
        default_app=settings.slack.app_id,
        app=apps.get,
        slack=slack,
        vault=vault,
        workspaces=WorkspaceStore(redis),
        consents=ConsentStore(redis),
        clock=clock,
        rule=settings.install.policy,
    )
    routes = SlackRoutes(
        {
            "events": Route("events", read_event),
            "interactions": Route("interactions", interactions_reader(lambda: library.current.packs)),
            "commands": Route("commands", commands_reader(slack.addresses.owns_response_url), tells_ssl_check=True),
            "options": Route("options", read_suggestion),
        },
        default_app=settings.slack.app_id,
        app=apps.get,
        store=JobStore(redis).add,
        clock=clock,
    )
    pages = create_site(oauth, lambda: library.current)
    return Ingress(routes, pictures=Pictures(settings.catalogue.folder), pages=pages)


async def _keep_looking(library: Library) -> None:
    """Notice newly drawn pictures and another catalogue in use."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            library.refresh()
        except (ConfigurationError, OSError) as error:
            log.warning("catalogue not read again", problem=str(error))


def _answers(redis: Redis) -> Check:
    async def check() -> str | None:
        await redis.measure()
        return None

    return check


def _running(life: Life) -> Check:
    async def check() -> str | None:
        return "stopping" if life.stopping.is_set() else None

    return check


def _variables() -> set[str]:
    return {setting.variable for setting in declared(IngressSettings)}
