"""An empty kopf operator: hears of each SlackTenant, and prints when it heard of those that are named."""

import asyncio
import sys
import time
from typing import Any

import kopf

from benchmarks.programs.kopf_settings import TENANTS, ending_with_us, registry


def main(names: frozenset[str]) -> None:
    chosen = registry()

    @kopf.on.event(*TENANTS, registry=chosen)
    async def heard(name: str | None, meta: kopf.Meta, **_: Any) -> None:
        if name in names:
            print(name, meta["generation"], time.time(), flush=True)

    asyncio.run(ending_with_us(chosen))


if __name__ == "__main__":
    main(frozenset(sys.argv[1:]))
