"""`python -m slack_simulator`: a local Slack with a page to look at."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from rotavatar.clock import CLOCK_KEY, NOTICE_SECONDS, PACE_FIELDS, Clock, Pace, RedisClock, SystemClock
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig, Rules


def arguments(argv: list[str]) -> argparse.Namespace:
    """The command line; each option may also come from the environment as SIMULATOR_<NAME>."""
    parser = argparse.ArgumentParser(
        prog="python -m slack_simulator",
        description="A local Slack: Web API, OAuth, signed events, and a page that shows what its people see.",
        epilog="Every option may be given as an environment variable too: SIMULATOR_PORT for --port, and so on.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (0)")
    parser.add_argument("--public-url", default="", help="how others reach it, where that is not host and port")
    parser.add_argument("--state", type=Path, help="JSON file that keeps everything until the next start")
    parser.add_argument("--reset", action="store_true", help="forget what --state kept")
    parser.add_argument("--grid", action="store_true", help="start with an Enterprise organisation of two teams too")
    parser.add_argument("--redis-url", help="share the speed of the clock with the services through this Redis")
    parser.add_argument("--app", type=Path, help="JSON file with the app's settings, see slack_simulator.config")
    for name, kind in APP_OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=kind)
    for action in parser._actions:  # noqa: SLF001
        value = os.environ.get(f"SIMULATOR_{action.dest.upper()}")
        if value is not None and action.dest != "help":
            on = value.lower() in YES
            parser.set_defaults(**{action.dest: on if action.nargs == 0 else value})
    return parser.parse_args(argv)


APP_OPTIONS = {
    "app_id": "id of the app",
    "client_id": "client id",
    "client_secret": "client secret",
    "signing_secrets": "signing secrets, separated by commas; the first one signs",
    "events_url": "where events go",
    "interactions_url": "where clicks go",
    "commands_url": "where slash commands go",
    "options_url": "where options of menus are asked for",
    "install_url": "address of the app's Add to Slack",
    "redirect_urls": "allowed OAuth redirects, separated by commas",
    "token_rotation": "on: tokens expire after twelve hours",
}
YES = {"on", "true", "yes", "1"}
LISTS = {"signing_secrets", "redirect_urls"}


def app_config(options: argparse.Namespace) -> AppConfig:
    """The app's settings: the file, and over it the single options. Raises ValueError."""
    config = msgspec.json.decode(options.app.read_bytes(), type=AppConfig) if options.app else AppConfig()
    given: dict[str, Any] = {name: getattr(options, name) for name in APP_OPTIONS if getattr(options, name) is not None}
    for name in LISTS & given.keys():
        given[name] = tuple(part.strip() for part in given[name].split(",") if part.strip())
    if "token_rotation" in given:
        given["token_rotation"] = given["token_rotation"].lower() in YES
    return msgspec.structs.replace(config, **given)


class SharedPace:
    """The schedule's speed, kept in Redis for every process of local development."""

    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.from_url(url, decode_responses=True)

    async def measure(self) -> tuple[float, Pace]:
        """Redis' time and the pace. Raises OSError while Redis is away."""
        try:
            seconds, micros = await self._redis.time()
            pace = await self._redis.hmget(CLOCK_KEY, [*PACE_FIELDS])
        except RedisError as error:
            raise OSError(str(error)) from error
        return int(seconds) + int(micros) / 1e6, Pace(*(float(value) for value in pace if value is not None))

    async def begin(self) -> None:
        """Let there be a speed: processes that start from now on watch it attentively."""
        wall, pace = await self.measure()
        if pace == Pace():
            await self._write(pace.changed(wall=wall, speed=1.0))

    async def change(self, speed: float) -> None:
        """Let the clock run at `speed`, for every process from the same instant on. Raises ValueError."""
        wall, pace = await self.measure()
        await self._write(pace.changed(wall=wall + NOTICE_SECONDS, speed=speed))
        await asyncio.sleep(NOTICE_SECONDS)

    async def _write(self, pace: Pace) -> None:
        await self._redis.hset(CLOCK_KEY, mapping=msgspec.to_builtins(pace))

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()


async def serve(options: argparse.Namespace) -> None:
    """Run until SIGINT or SIGTERM. Raises OSError where the port is taken."""
    if options.state and options.reset:
        options.state.unlink(missing_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shared = SharedPace(options.redis_url) if options.redis_url else None
    clock: Clock = SystemClock()
    follower = None
    simulator: Simulator | None = None
    if shared is not None:
        redis_clock = RedisClock(measure=shared.measure)
        await shared.begin()
        await redis_clock.synchronise()
        follower = asyncio.create_task(redis_clock.run())
        clock = redis_clock

    async def set_speed(speed: float) -> None:
        assert shared is not None
        await shared.change(speed)
        await redis_clock.synchronise()
        assert simulator is not None
        simulator.slack.feed.send("clock", {"now": clock.now(), "speed": speed})

    simulator = Simulator(
        app_config(options),
        rules=Rules(),
        clock=clock,
        state=options.state,
        host=options.host,
        port=options.port,
        public_url=options.public_url,
        seeded=True,
        grid=options.grid,
        set_speed=set_speed if shared else None,
    )
    async with simulator:
        print(f"Slack is simulated at {simulator.url}", flush=True)  # noqa: T201
        await stop.wait()
    if follower is not None and shared is not None:
        follower.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await follower
        await shared.close()


def main() -> None:
    """Start the simulator; what prevents it is said in one sentence."""
    try:
        asyncio.run(serve(arguments(sys.argv[1:])))
    except (OSError, ValueError) as error:
        sys.exit(f"the simulator does not start: {error}")


if __name__ == "__main__":
    main()
