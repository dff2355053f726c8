"""The metrics port of every process: /metrics, /healthz and /readyz, served from the process's own event loop.

Served there and not from a thread, because a loop that no longer turns must not look healthy.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rotavatar.errors import ConfigurationError, RotavatarError
from rotavatar.metrics import HEARTBEAT_AGE_SECONDS, LOOP_LAG_SECONDS

log = structlog.get_logger()

READY_SECONDS = 2.0
"""How long one readiness check may take; a chart's probe timeout has to be longer."""
BEAT_SECONDS = 1.0
STOP_SECONDS = 1
"""How long a scrape that is under way may delay the end of the process."""

Check = Callable[[], Awaitable[str | None]]
"""Whether the process can do one part of its work: None, or why not in a few words without secrets."""


class Heartbeat:
    """The sign of life of one loop: it beats once a round, and is dead after `limit` seconds without a beat."""

    def __init__(self, name: str, *, limit: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`limit` in seconds: several times what the longest honest round takes."""
        self.name = name
        self.limit = limit
        self._monotonic = monotonic
        self._last = monotonic()

    def beat(self) -> None:
        """Say that the loop turns."""
        self._last = self._monotonic()

    def age(self) -> float:
        """Seconds since the last beat."""
        return self._monotonic() - self._last

    def alive(self) -> bool:
        """Whether the last beat is recent enough."""
        return self.age() <= self.limit


async def watch_loop() -> None:
    """Measure until cancelled how late the event loop runs."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        LOOP_LAG_SECONDS.set(max(0.0, loop.time() - due))


async def failing(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask all checks at once; the reason of each that fails, hangs or raises."""

    async def ask(check: Check) -> str | None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                return await check()
        except TimeoutError:
            return f"no answer within {READY_SECONDS:g} s"
        except (RotavatarError, OSError) as error:
            return type(error).__name__

    reasons = await asyncio.gather(*(ask(check) for check in checks.values()))
    return {name: reason for name, reason in zip(checks, reasons, strict=True) if reason is not None}


def probes(
    *, heartbeats: Sequence[Heartbeat], checks: Mapping[str, Check], registry: CollectorRegistry = REGISTRY
) -> Starlette:
    """Build the application of the metrics port."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    async def healthz(_: Request) -> Response:
        dead = {beat.name: f"no beat for {beat.age():.0f} s" for beat in heartbeats if not beat.alive()}
        return JSONResponse({"ok": not dead, "failing": dead}, status_code=503 if dead else 200)

    async def readyz(_: Request) -> Response:
        reasons = await failing(checks)
        return JSONResponse({"ok": not reasons, "failing": reasons}, status_code=503 if reasons else 200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)])


class EmbeddedServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: the process decides when to stop."""
        yield


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """Open the socket of a server. Raise ConfigurationError, naming `setting`, when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"{setting} is {port}, but nothing can listen there on {host} ({error.strerror}); "
            "stop the program that does, or choose another port."
        ) from None
    # asyncio sets it only on sockets that name their protocol, which accepted ones do not: without it an answer that
    # is written in two parts waits 40 ms for the peer's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@asynccontextmanager
async def serving_probes(
    *, host: str, port: int, heartbeats: Sequence[Heartbeat] = (), checks: Mapping[str, Check] | None = None
) -> AsyncIterator[int]:
    """Serve the metrics port for the length of the context; the value is the port (a free one for 0).

    Raise ConfigurationError when the port is taken.
    """
    opened = listen(host, port, setting="ROTAVATAR_METRICS_PORT")
    app = probes(heartbeats=heartbeats, checks=checks or {})
    for beat in heartbeats:
        HEARTBEAT_AGE_SECONDS.labels(beat.name).set_function(beat.age)
    server = EmbeddedServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[opened]), name="metrics port")
    watching = asyncio.create_task(watch_loop(), name="loop lag")
    try:
        yield opened.getsockname()[1]
    finally:
        watching.cancel()
        server.should_exit = True
        await serving
