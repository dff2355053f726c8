"""`python -m slacktenant_operator`: wiring only."""

import os
import sys

from rotavatar.process import Life, run
from rotavatar.settings import OperatorSettings, load
from slacktenant_operator.service import serve


async def _main(life: Life) -> None:
    await serve(load(OperatorSettings, os.environ), life)


if __name__ == "__main__":
    sys.exit(run("operator", _main))
