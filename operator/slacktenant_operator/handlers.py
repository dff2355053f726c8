"""The only module that knows kopf: it hears of SlackTenants, and passes on what it hears.

Only `on.event`: kopf then stores nothing on an object, sets no finalizer and calls a handler for whatever the watch
brings. Listing in chunks, as a list that is streamed loses objects where the API server closes a slow watch.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import kopf

from slacktenant_operator.model import GROUP, PLURAL, VERSION

Hear = Callable[[str | None, dict[str, Any]], None]
"""Takes what happened (ADDED, MODIFIED, DELETED; None for what was listed) and the object."""

LISTED_AT_ONCE: Final = 500
LONGEST_WAIT_SECONDS: Final = 30.0

OWN_FINALIZER: Final = f"{GROUP}/kopf"
"""Never set: kopf takes away the finalizer that is named in its settings, so it must not be ours."""


class _Backoffs:
    """Waits between tries of a request, without end: an API server that is away for long ends no process."""

    def __iter__(self) -> Iterator[float]:
        wait = 0.5
        while True:
            yield wait
            wait = min(LONGEST_WAIT_SECONDS, 2 * wait)


class _NoEssence(kopf.DiffBaseStorage):
    """We compare nothing with what was handled before, so kopf need not copy every object to find that out."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return


def settings() -> kopf.OperatorSettings:
    """How kopf is to behave; `docs/architecture.md` says why."""
    chosen = kopf.OperatorSettings()
    chosen.process.ultimate_exiting_timeout = None
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.watching.chunk_size = LISTED_AT_ONCE
    chosen.watching.initial_streaming = False
    chosen.queueing.idle_timeout = 0.1
    chosen.networking.connect_timeout = 5
    chosen.networking.request_timeout = 30
    chosen.networking.error_backoffs = _Backoffs()
    chosen.persistence.finalizer = OWN_FINALIZER
    chosen.persistence.diffbase_storage = _NoEssence()
    return chosen


def registry(hear: Hear) -> kopf.OperatorRegistry:
    """The handlers: one that logs in, one that hears."""
    chosen = kopf.OperatorRegistry()

    @kopf.on.login(registry=chosen)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=chosen)
    async def tenant_event(event: kopf.RawEvent, **_: Any) -> None:
        hear(event["type"], dict(event["object"]))

    return chosen


async def watch(hear: Hear, *, namespaces: Sequence[str], stopping: asyncio.Event, started: Callable[[], None]) -> None:
    """Tell `hear` of every SlackTenant of `namespaces` (none: of the cluster) until `stopping` is set.

    `started` is called once kopf has taken the signals of the process, to take them back. Raises RuntimeError where
    kopf ends by itself: whoever runs this process starts it again.
    """
    _quiet()
    tasks = await kopf.spawn_tasks(
        registry=registry(hear),
        settings=settings(),
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        standalone=True,
    )
    started()
    stop = asyncio.create_task(stopping.wait(), name="stop of the watch")
    try:
        ended, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancelled([*tasks, stop])
    if stop not in ended:
        raise RuntimeError("the watch of SlackTenants ended by itself") from _error_of(ended)


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """End kopf's own tasks: `kopf.run_tasks` would end every task of this event loop that is younger than kopf."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _error_of(ended: set[asyncio.Task[Any]]) -> BaseException | None:
    return next((task.exception() for task in ended if not task.cancelled() and task.exception()), None)


def _quiet() -> None:
    """At debug level kopf logs whole objects, and at info level a line for each event."""
    logging.getLogger("kopf").setLevel(logging.INFO)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
