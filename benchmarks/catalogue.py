"""What a picture costs: one that was drawn before, and a new one of each pack."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from benchmarks.household import FOLDER, PACK, catalogue
from benchmarks.report import Finding, Row
from benchmarks.rig import percentile
from rotavatar.catalogue import Library
from rotavatar_catalogue.packs import BY_KEY
from rotavatar_catalogue.workers import Batch, draw_batch

TARGET_MS: Final = 1.0
HITS: Final = 2_000
PICTURES: Final = 8
SEED: Final = "benchmarks"
CORES: Final = os.cpu_count() or 1


def measure(quick: bool) -> Sequence[Finding]:
    catalogue()
    library = Library(FOLDER)
    times = []
    for number in range(HITS):
        picture = library.current.picture(PACK, number * 7 % library.current.drawn(PACK))
        assert picture is not None
        began = time.perf_counter()
        library.picture(picture.reference)
        library.read(picture)
        times.append((time.perf_counter() - began) * 1000)
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        costs = {pack: _drawing(pool, pack, PICTURES // (4 if quick else 1)) for pack in BY_KEY}
    return [
        Finding(
            "catalogue hit: the bytes of a picture that was drawn before",
            f"≤ {TARGET_MS:g} ms",
            f"p99 {percentile(times, 0.99):.2f} ms, p50 {percentile(times, 0.5):.3f} ms",
            percentile(times, 0.99) <= TARGET_MS,
        ),
        Finding(
            f"cold drawing per picture on {CORES} cores",
            "told per pack",
            ", ".join(f"{pack} {milliseconds:.0f} ms" for pack, milliseconds in costs.items()),
        ),
    ]


def _drawing(pool: ProcessPoolExecutor, pack: str, pictures: int) -> float:
    """Milliseconds of clock for each picture, all cores at it, after each has drawn one."""
    share = pictures // CORES
    list(pool.map(draw_batch, [Batch(pack=pack, start=0, stop=1, seed=SEED)] * CORES))
    began = time.perf_counter()
    list(pool.map(draw_batch, [Batch(pack=pack, start=1, stop=1 + share, seed=SEED)] * CORES))
    return (time.perf_counter() - began) / (share * CORES) * 1000


ROW: Final = Row(
    name="catalogue",
    title="A picture from the catalogue, and drawing one.",
    method="""
A hit finds the picture by its reference and reads its file, as the rotator does before each `users.setPhoto`; files
are in the page cache, as they are after the first use. Drawing: DiceBear, resvg and Pillow in a process on each
core, after each has drawn one picture.""",
    measure=measure,
)
