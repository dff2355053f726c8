"""How every worker runs: one event loop, signals, supervised tasks, and an exit code that says how it ended.

| exit code | meaning |
|---|---|
| 0 | stopped when asked |
| 1 | something crashed, or did not stop in time; the log says what |
| 2 | a setting is missing or wrong; standard error says which, a sentence each |
"""

import asyncio
import gc
import platform
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
import uvloop

from rotavatar import VERSION, telemetry
from rotavatar.errors import ConfigurationError
from rotavatar.metrics import BUILD

log = structlog.get_logger()

GRACE_SECONDS = 25.0
"""How long a process may finish what it began: longer than one call to Slack (10 s), shorter than the 30 s after which
Kubernetes kills."""

STOPPED, CRASHED, MISCONFIGURED = 0, 1, 2

Work = Coroutine[Any, Any, None]


class Life:
    """What a running process knows about its end."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        """Set once somebody asked the process to stop: loops finish the round they are in and return."""
        self.watch_signals: Callable[[], None] = _nothing
        """Takes the process's signals back from a library that has taken them for itself."""

    def stop(self, reason: str) -> None:
        """Ask the process to stop."""
        if not self.stopping.is_set():
            log.info("stopping", reason=reason)
            self.stopping.set()

    async def pause(self, seconds: float) -> bool:
        """Sleep, but no longer than until the process stops; whether it goes on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        return not self.stopping.is_set()

    async def supervise(self, work: Mapping[str, Work], *, background: Mapping[str, Work] | None = None) -> None:
        """Run all of `work`, by name, until each has returned; `background` is cancelled then.

        When one of them raises, it is logged by its name, the others are cancelled and an ExceptionGroup is raised.
        """
        _settle_in()
        async with asyncio.TaskGroup() as all_tasks:
            endless = [
                all_tasks.create_task(_named(name, coroutine), name=name)
                for name, coroutine in (background or {}).items()
            ]
            async with asyncio.TaskGroup() as working:
                for name, coroutine in work.items():
                    working.create_task(_named(name, coroutine), name=name)
            for task in endless:
                task.cancel()


Serve = Callable[[Life], Awaitable[None]]
"""The whole of a process: it opens what it needs, supervises its work and returns once `life.stopping` is set."""


def run(name: str, serve: Serve, *, grace: float = GRACE_SECONDS) -> int:
    """Run the process `name` and return its exit code.

    SIGTERM and SIGINT set `life.stopping`; after `grace` seconds, or at a second signal, what still runs is cancelled.
    """
    telemetry.configure(name)
    BUILD.labels(name, VERSION, platform.python_version()).set(1)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_live(serve, grace=grace))
    except KeyboardInterrupt:
        return CRASHED


async def _live(serve: Serve, *, grace: float) -> int:
    life = Life()
    serving = asyncio.ensure_future(serve(life))
    ending = asyncio.create_task(_end(life, serving, grace=grace), name="end")
    life.watch_signals = partial(_watch_signals, life, serving)
    life.watch_signals()
    try:
        await serving
    except asyncio.CancelledError:
        log.error("stopped late", grace=grace)  # noqa: TRY400 - there is no error to show
        return CRASHED
    except Exception as error:  # noqa: BLE001 - the last one who can log it
        return _report(error)
    finally:
        ending.cancel()
    log.info("stopped")
    return STOPPED


async def _end(life: Life, serving: asyncio.Future[None], *, grace: float) -> None:
    """Cancel what is still running `grace` seconds after the process was asked to stop."""
    await life.stopping.wait()
    await asyncio.sleep(grace)
    serving.cancel()


def _nothing() -> None:
    """Nobody sends signals to a Life that a test made."""


def _settle_in() -> None:
    """Take what there is after the start out of every later garbage collection, as it stays as long as the process.

    Some 68,000 objects, modules most of them: each full collection looked at all of them, 35 ms in which nobody was
    answered (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    gc.collect()
    gc.freeze()


def _watch_signals(life: Life, serving: asyncio.Future[None]) -> None:
    def asked(received: signal.Signals) -> None:
        if life.stopping.is_set():
            serving.cancel()
        life.stop(received.name)

    for watched in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(watched, asked, watched)


async def _named(name: str, work: Work) -> None:
    """Log a crash where its task is still known by name."""
    try:
        await work
    except ConfigurationError:
        raise
    except Exception:
        log.exception("task crashed", task=name)
        raise


def _report(error: Exception) -> int:
    """Say why the process ends, and return its exit code."""
    leaves = list(_leaves(error))
    if all(isinstance(leaf, ConfigurationError) for leaf in leaves):
        for leaf in leaves:
            print(leaf, file=sys.stderr)  # noqa: T201 - for the person who starts the process, whatever the log format
        return MISCONFIGURED
    log.error("crashed", exc_info=error)
    return CRASHED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Every exception inside a group of them."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
