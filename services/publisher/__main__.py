"""`python -m publisher`: wiring only."""

import os
import sys

from publisher.service import serve
from rotavatar.process import Life, run
from rotavatar.settings import PublisherSettings, load


async def _main(life: Life) -> None:
    await serve(load(PublisherSettings, os.environ), life)


if __name__ == "__main__":
    sys.exit(run("publisher", _main))
