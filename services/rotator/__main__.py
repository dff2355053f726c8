"""`python -m rotator`: wiring only."""

import os
import sys

from rotator.service import serve
from rotavatar.process import Life, run
from rotavatar.settings import RotatorSettings, load


async def _main(life: Life) -> None:
    await serve(load(RotatorSettings, os.environ), life)


if __name__ == "__main__":
    sys.exit(run("rotator", _main))
