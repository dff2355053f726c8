"""The command: `rotavatar catalogue draw`, `verify`, `fetch` and `packs`; also `python -m rotavatar_catalogue`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from rotavatar.catalogue import MAX_PER_PACK, Credit, Library
from rotavatar.errors import RotavatarError
from rotavatar_catalogue.http_source import HttpSource
from rotavatar_catalogue.making import COUNT, SEED, Order, Progress, damages, make
from rotavatar_catalogue.packs import BY_KEY, PACKS
from rotavatar_catalogue.sources import FetchOrder, fetch_pack

LINE_EVERY = 5.0
"""Seconds between two lines of progress where no terminal can redraw one."""

Report = Callable[[Progress], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 not done (one sentence on stderr says why)."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    try:
        code: int = arguments.run(arguments)
    except RotavatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    return code


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """The command's arguments; `run` is what to call with them."""
    top = argparse.ArgumentParser(prog="rotavatar catalogue", description="The catalogue of drawn avatars.")
    commands = top.add_subparsers(required=True)
    drawing = commands.add_parser("draw", help="draw what is missing or damaged")
    drawing.set_defaults(run=_draw)
    drawing.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder of catalogues")
    drawing.add_argument("--packs", nargs="+", default=list(BY_KEY), metavar="PACK", help="only these; all by default")
    drawing.add_argument("--count", type=int, default=COUNT, help=f"pictures a pack shall have in the end ({COUNT})")
    drawing.add_argument(
        "--first", type=int, default=MAX_PER_PACK, metavar="K", help="draw only the first K of each pack for now"
    )
    drawing.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    drawing.add_argument("--seed", default=SEED, help="another seed, another catalogue")
    verifying = commands.add_parser("verify", help="read every picture and name the damaged ones")
    verifying.set_defaults(run=_verify)
    verifying.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder of catalogues")
    fetching = commands.add_parser("fetch", help="make a pack from a picture source on the web (off unless you do)")
    fetching.set_defaults(run=_fetch)
    fetching.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder of catalogues")
    fetching.add_argument("--from", dest="template", required=True, metavar="URL", help="https://…; {index} counts up")
    fetching.add_argument("--pack", required=True, help="short name of the pack: letters, digits, hyphens")
    fetching.add_argument("--title", required=True, help="name of the pack as members read it")
    fetching.add_argument("--creator", required=True, help="who made the pictures")
    fetching.add_argument("--licence", required=True, help="under which licence you may use them")
    fetching.add_argument("--licence-url", required=True, help="where it is written")
    fetching.add_argument("--count", type=int, default=100, help="pictures (100)")
    commands.add_parser("packs", help="list the packs").set_defaults(run=_packs)
    return top


def _draw(arguments: argparse.Namespace) -> int:
    order = Order(
        folder=arguments.to,
        packs=tuple(arguments.packs),
        count=arguments.count,
        first=arguments.first,
        workers=arguments.workers,
        seed=arguments.seed,
    )
    with _reporting(sys.stderr) as report:
        catalogue = make(order, report=report)
    pictures = list(catalogue.pictures())
    size = sum(picture.size for picture in pictures) / 1e6
    sys.stdout.write(
        f"catalogue {catalogue.id}: {len(catalogue.packs)} packs, {len(pictures)} pictures, {size:.1f} MB\n"
    )
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    catalogue = Library(arguments.to).current
    found = list(damages(catalogue))
    for damage in found:
        sys.stdout.write(f"{'missing' if damage.missing else 'damaged'}: {damage.picture.address}\n")
    drawn = sum(1 for _ in catalogue.pictures())
    promised = sum(pack.size for pack in catalogue.packs.values())
    sys.stdout.write(f"catalogue {catalogue.id}: {drawn} of {promised} pictures drawn, {len(found)} of them damaged\n")
    return 1 if found else 0


def _fetch(arguments: argparse.Namespace) -> int:
    credit = Credit(
        title=arguments.title,
        creator=arguments.creator,
        source=arguments.template,
        licence=arguments.licence,
        licence_url=arguments.licence_url,
    )
    order = FetchOrder(
        folder=Library(arguments.to).current.folder,
        key=arguments.pack,
        title=arguments.title,
        credit=credit,
        count=arguments.count,
    )
    with _reporting(sys.stderr) as report:
        catalogue = asyncio.run(fetch_pack(order, HttpSource(arguments.template), report=report))
    sys.stdout.write(f"catalogue {catalogue.id}: pack {order.key} has {catalogue.drawn(order.key)} pictures\n")
    return 0


def _packs(_: argparse.Namespace) -> int:
    for recipe in PACKS:
        sys.stdout.write(f"{recipe.key:<12} {recipe.title}{' (lifelike: off until policy allows)' * recipe.lifelike}\n")
    return 0


@contextmanager
def _reporting(stream: TextIO) -> Iterator[Report]:
    """A bar on a terminal (with rich, if it is installed), otherwise a line now and then."""
    if not stream.isatty():
        yield _lines(stream, clock=time.monotonic)
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - drawing an image needs no rich
        from rich.progress import Progress as Bar  # noqa: PLC0415
    except ImportError:
        yield _lines(stream, clock=time.monotonic)
        return
    with Bar(console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("drawing avatars", total=None)
        yield lambda progress: bar.update(task, completed=progress.done, total=progress.total)


def _lines(stream: TextIO, *, clock: Callable[[], float]) -> Report:
    last = [clock()]

    def report(progress: Progress) -> None:
        if progress.done == progress.total or clock() - last[0] >= LINE_EVERY:
            last[0] = clock()
            stream.write(f"drew {progress.done} of {progress.total} avatars\n")
            stream.flush()

    return report
