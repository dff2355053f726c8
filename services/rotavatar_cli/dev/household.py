"""Starts everything in its order, waits until all of it works, watches over it, and stops it in order."""

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rotavatar.catalogue import CURRENT, Library
from rotavatar.errors import ConfigurationError, Unavailable
from rotavatar_cli.dev import programs
from rotavatar_cli.dev.folder import Folder, Secrets, write_environment, write_private
from rotavatar_cli.dev.keeper import Keeper, how_it_ended, run_once
from rotavatar_cli.dev.ports import Ports
from rotavatar_cli.dev.probing import answers, clock_speed, redis_answers, request
from rotavatar_cli.dev.programs import Addresses, Program
from rotavatar_cli.dev.screen import Screen
from rotavatar_cli.errors import CommandError

if TYPE_CHECKING:
    from rotavatar_cli.dev.kubernetes import Kubernetes

FIRST_PICTURES = 2
"""Pictures of each pack that are drawn before the second one of any: the first change and the one after it."""

POLL_SECONDS = 0.05
COMPLAIN_SECONDS = 10.0
"""A start takes about five seconds; who waits longer is told what for."""

HOPELESS = 5
"""Deaths in a row before the first time that all was well: then something is wrong here, and waiting does not help."""

MISCONFIGURED = 2
"""The exit code of a process whose settings it does not take (rotavatar.process)."""

PATIENCE = {
    "valkey": 10.0,
    "slack": 5.0,
    "ingress_api": 12.0,
    "rotator": 12.0,
    "publisher": 12.0,
    "operator": 12.0,
    "kubernetes": 60.0,
}
"""Seconds that each process gets to end: longer than one call to Slack (10 s), and than four that end in order."""

STOP_ORDER = (("ingress_api", "operator"), ("rotator", "publisher"), ("slack",), ("valkey", "kubernetes"))
"""Who hands over work stops before who does it, and what all need goes last."""


WHAT_TO_DO = {
    False: "two Slack workspaces: add the app to one, choose in the Home tab, speed up the clock",
    True: "two Slack workspaces: declare one as below, choose somebody there, speed up the clock",
}
"""Without Kubernetes, and with it."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What shall run, and how."""

    folder: Folder
    ports: Ports
    secrets: Secrets
    without: frozenset[str] = frozenset()
    speed: float | None = None
    ready_file: Path | None = None
    log_level: str = "info"
    draw: bool = True
    kubernetes: bool = False
    install_policy: str = "open"


class Household:
    """All processes of one `rotavatar dev`."""

    def __init__(self, orders: Orders, screen: Screen) -> None:
        """Nothing runs before `run`."""
        self._orders = orders
        self._screen = screen
        self._at = Addresses.on(orders.ports)
        self._keepers: dict[str, Keeper] = {}
        self._ready: set[str] = set()
        self._asked = asyncio.Event()
        self._drawing: asyncio.Task[None] | None = None
        self._drawing_process: asyncio.subprocess.Process | None = None
        self._kubernetes = _kubernetes(orders.folder, screen) if orders.kubernetes else None

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP. Raises CommandError when something cannot be started."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask_to_stop)
        asked = asyncio.create_task(self._asked.wait())
        living = asyncio.create_task(self._live())
        try:
            await asyncio.wait({asked, living}, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
        finally:
            living.cancel()
            asked.cancel()
            with suppress(asyncio.CancelledError, CommandError):
                await living
            await self._stop()

    def _ask_to_stop(self) -> None:
        if self._asked.is_set():
            self._screen.say("killed at the second request to stop", level="warning")
            for keeper in self._keepers.values():
                keeper.kill()
        self._asked.set()

    async def _live(self) -> None:
        orders = self._orders
        shared = programs.settings(
            folder=orders.folder,
            ports=orders.ports,
            secrets=orders.secrets,
            log_level=orders.log_level,
            install_policy=orders.install_policy,
            kubernetes=orders.kubernetes,
        )
        write_environment(orders.folder, shared)
        if self._kubernetes:
            await self._start_kubernetes(self._kubernetes)
        self._drawing = drawn = asyncio.create_task(self._draw_first())
        self._start(programs.valkey(folder=orders.folder, ports=orders.ports))
        await self._until_redis_answers()
        self._start(programs.slack(folder=orders.folder, ports=orders.ports, secrets=orders.secrets))
        await self._until_there_is_a_catalogue(drawn)
        for program in programs.workers(shared, orders.ports):
            self._start(program)
        if self._kubernetes:
            await self._until_kubernetes_is_there(self._kubernetes)
            kubeconfig = self._kubernetes.operator_kubeconfig
            self._start(programs.operator(shared, orders.ports, kubeconfig=kubeconfig))
        await self._until_all_is_ready()
        if self._kubernetes:
            await self._write_examples(self._kubernetes)
        await self._until_there_is_a_picture(drawn)
        await self._set_speed()
        self._announce()
        self._drawing = asyncio.create_task(self._draw_rest(drawn))
        await self._watch()

    def _start(self, program: Program) -> None:
        if program.name in self._orders.without:
            self._screen.say(f"{program.name} is left out", level="warning")
            return
        keeper = Keeper(program, self._screen, changed=self._write_running)
        self._keepers[program.name] = keeper
        keeper.start()

    async def _start_kubernetes(self, kubernetes: "Kubernetes") -> None:
        await kubernetes.build()
        if not await kubernetes.joined():
            self._screen.say("starting Kubernetes: etcd, an API server and controllers (about 15 s)")
            self._start(programs.control_plane(folder=self._orders.folder))

    async def _until_kubernetes_is_there(self, kubernetes: "Kubernetes") -> None:
        while kubernetes.present() is None:
            self._raise_if_hopeless()
            await asyncio.sleep(POLL_SECONDS)
        await kubernetes.attach()

    async def _write_examples(self, kubernetes: "Kubernetes") -> None:
        if "slack" not in self._keepers:
            return
        try:
            await kubernetes.write_examples(self._at.page)
        except (OSError, ValueError, KeyError) as error:  # what runs at its address is another one
            self._screen.say("no examples could be written", level="warning", reason=str(error))

    async def _follow(self, kubernetes: "Kubernetes") -> None:
        """Start the operator again when another API server took the place of the one that it knows."""
        if await kubernetes.followed() and "operator" in self._keepers:
            self._keepers["operator"].renew()

    async def _draw_first(self) -> None:
        try:
            catalogue = Library(self._orders.folder.catalogue).current
            if all(catalogue.drawn(pack) >= FIRST_PICTURES for pack in catalogue.packs):
                return
        except ConfigurationError:
            pass  # the first start
        self._screen.say("drawing the first avatars of each pack")
        await self._draw(programs.drawing(folder=self._orders.folder, first=FIRST_PICTURES))

    async def _draw(self, program: Program) -> None:
        """Run a drawing process to its end; without pictures nothing else makes sense, without the rest much does."""

        def started(process: asyncio.subprocess.Process) -> None:
            self._drawing_process = process
            if self._asked.is_set():
                self._stop_drawing()

        code = await run_once(program, lambda line: self._screen.line(program.name, line), started=started)
        if code and not self._asked.is_set():
            self._screen.say(
                f"drawing avatars {how_it_ended(code)}: `rotavatar --dev catalogue draw` goes on with it",
                level="warning",
            )

    async def _until_there_is_a_catalogue(self, drawn: "asyncio.Task[None]") -> None:
        """Processes read on while it is drawn, so they need no more than the list of its packs to start."""
        current = self._orders.folder.catalogue / CURRENT
        while not current.exists() and not drawn.done():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(POLL_SECONDS)

    async def _until_there_is_a_picture(self, drawn: "asyncio.Task[None]") -> None:
        """Whoever connects first is shown one of the default pack; the other packs follow within seconds."""
        while not drawn.done():
            catalogue = Library(self._orders.folder.catalogue).current
            if catalogue.drawn(catalogue.default_pack.key):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _draw_rest(self, drawn: "asyncio.Task[None]") -> None:
        await drawn
        if self._orders.draw and not self._asked.is_set():
            await self._draw(programs.drawing(folder=self._orders.folder, first=None))

    async def _until_redis_answers(self) -> None:
        while not await redis_answers(self._at.redis_url):
            self._raise_if_hopeless()
            await asyncio.sleep(POLL_SECONDS)
        self._ready.add("valkey")

    async def _until_all_is_ready(self) -> None:
        loop = asyncio.get_running_loop()
        complain_at = loop.time() + COMPLAIN_SECONDS
        while waiting := await self._unready(self._keepers.values()):
            self._raise_if_hopeless()
            if loop.time() >= complain_at:
                complain_at = loop.time() + COMPLAIN_SECONDS
                for name, reason in waiting.items():
                    self._screen.say(f"still waiting for {name}", level="warning", it_says=reason)
            await asyncio.sleep(POLL_SECONDS)

    async def _unready(self, keepers: Iterable[Keeper]) -> dict[str, str]:
        """Each process that cannot do its work yet, and what it says about that."""
        asked = [keeper for keeper in keepers if keeper.program.probe]
        told = await asyncio.gather(*(answers(keeper.program.probe) for keeper in asked))
        unready = {
            keeper.program.name: reason for keeper, (ready, reason) in zip(asked, told, strict=True) if not ready
        }
        self._ready = set(self._keepers) - set(unready)
        return unready

    def _raise_if_hopeless(self) -> None:
        for name, keeper in self._keepers.items():
            if keeper.failures >= HOPELESS:
                said = "\n".join(f"  {line}" for line in keeper.last_lines)
                raise CommandError(f"{name} ended {keeper.failures} times before all was ready; it said:\n{said}")

    async def _set_speed(self) -> None:
        speed = self._orders.speed or self._orders.secrets.speed
        if "slack" in self._keepers and (self._orders.speed or speed != 1):
            await self._change_clock(speed)
            self._screen.say("the clock runs faster", speed=speed)

    async def _change_clock(self, speed: float) -> None:
        body = msgspec.json.encode({"speed": speed})
        await request(f"{self._at.page}/ui/api/clock", method="POST", body=body)

    def _announce(self) -> None:
        self._screen.box(
            "Rotavatar is running",
            [
                f"Open         {self._at.page}",
                f"             {WHAT_TO_DO[self._kubernetes is not None]}",
                f"Rotavatar    {self._at.ingress}",
                f"Metrics      {', '.join(map(str, self._metrics_ports()))} /metrics on 127.0.0.1",
                f"Data         {self._orders.folder.path}",
                "Commands     rotavatar --dev members list, rotavatar --dev doctor, …",
                "Stop         Ctrl-C; a second start goes on from there",
            ],
        )
        if self._kubernetes:
            self._screen.plain(self._kubernetes.advice())
        self._screen.announce(self._at.page)
        if self._orders.ready_file:
            write_private(self._orders.ready_file, self._running())
        self._write_running()

    def _metrics_ports(self) -> tuple[int, ...]:
        ports = self._orders.ports
        operator = (ports.operator_metrics,) if self._kubernetes else ()
        return ports.ingress_metrics, ports.rotator_metrics, ports.publisher_metrics, *operator

    async def _watch(self) -> None:
        """Say when a process that was started again can do its work."""
        known = {name: keeper.starts for name, keeper in self._keepers.items()}
        while True:
            await asyncio.sleep(0.2)
            if self._kubernetes:
                await self._follow(self._kubernetes)
            for name, keeper in self._keepers.items():
                if keeper.starts == known[name] or keeper.pid is None:
                    continue
                if (await self._works(keeper)) and keeper.pid is not None:
                    known[name] = keeper.starts
                    self._screen.say(f"{name} works again")

    async def _works(self, keeper: Keeper) -> bool:
        if keeper.program.name == "kubernetes":
            return self._kubernetes is not None and self._kubernetes.present() is not None
        if not keeper.program.probe:
            return await redis_answers(self._at.redis_url)
        return (await answers(keeper.program.probe))[0]

    async def _stop(self) -> None:
        self._asked.set()
        self._screen.clear()
        self._screen.say("stopping everything")
        self._stop_drawing()
        for group in STOP_ORDER:
            if "slack" in group:
                await self._remember_speed()
            keepers = [self._keepers[name] for name in group if name in self._keepers]
            await asyncio.gather(*(keeper.stop(patience=PATIENCE[keeper.program.name]) for keeper in keepers))
        if self._drawing is not None:
            await self._drawing
        self._orders.folder.running.unlink(missing_ok=True)
        self._screen.clear()
        self._screen.say("stopped; the next start goes on from here")

    def _stop_drawing(self) -> None:
        process = self._drawing_process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()

    async def _remember_speed(self) -> None:
        """Let the clock run at the real speed meanwhile: a night at an hour a second would be four years.

        Only once the rotator has stopped: a lease taken at an hour a second would last a day at the real speed.
        """
        if "slack" not in self._ready:
            return
        with suppress(OSError, ValueError, TimeoutError, Unavailable):
            async with asyncio.timeout(1):
                speed = await clock_speed(self._at.redis_url)
                self._orders.folder.keep(msgspec.structs.replace(self._orders.secrets, speed=speed))
                await self._change_clock(1.0)

    def _write_running(self) -> None:
        write_private(self._orders.folder.running, self._running())

    def _running(self) -> bytes:
        """Everything a script may want to know, as JSON; no secret is in it."""
        processes = {
            name: {"pid": keeper.pid, "starts": keeper.starts, "probe": keeper.program.probe}
            for name, keeper in self._keepers.items()
        }
        told = {
            "page": self._at.page,
            "ingress": self._at.ingress,
            "redis_url": self._at.redis_url,
            "environment": str(self._orders.folder.environment),
            "processes": processes,
        }
        if self._kubernetes:
            told["kubeconfig"] = str(self._kubernetes.kubeconfig)
        return msgspec.json.format(msgspec.json.encode(told))


def _kubernetes(folder: Folder, screen: Screen) -> "Kubernetes":
    from rotavatar_cli.dev.kubernetes import Kubernetes  # noqa: PLC0415 - it is not installed everywhere

    return Kubernetes(folder, screen)
