"""Draws batches of pictures in processes of their own, since resvg holds the interpreter's lock while it draws."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process

import msgspec

from rotavatar_catalogue.drawing import draw, plan_of
from rotavatar_catalogue.packs import BY_KEY


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of `pack` with the indexes from `start` up to, but not including, `stop`."""

    pack: str
    start: int
    stop: int
    seed: str


def drawn(batches: list[Batch], *, workers: int) -> Iterator[list[bytes]]:
    """The files of each batch, in the order of `batches`. One worker is the calling process itself.

    Raises DrawingError. Leaving the iterator early stops the workers after the batch they are at.
    """
    if workers <= 1 or len(batches) <= 1:
        yield from map(draw_batch, batches)
        return
    pool = ProcessPoolExecutor(min(workers, len(batches)), mp_context=get_context("spawn"), initializer=_become_worker)
    try:
        with _undisturbed():
            results = pool.map(draw_batch, batches)
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def draw_batch(batch: Batch) -> list[bytes]:
    """Draw one batch here."""
    recipe = BY_KEY[batch.pack]
    plan = plan_of(batch.pack, batch.seed)
    return [draw(recipe, plan[index].svg) for index in range(batch.start, batch.stop)]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back signals while processes start: half-started ones die with a traceback. They inherit what is held."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it: a worker whose parent was killed would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
