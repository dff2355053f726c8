"""A no-op kopf operator: writes one status for each SlackTenant. The first argument says how it hears of them."""

import asyncio
import sys
from typing import Any

import kopf

from benchmarks.programs.kopf_settings import TENANTS, ending_with_us, registry


def main(how: str) -> None:
    chosen = registry()
    if how == "states":

        @kopf.on.create(*TENANTS, registry=chosen)
        @kopf.on.update(*TENANTS, registry=chosen)
        @kopf.on.resume(*TENANTS, registry=chosen)
        async def handled(patch: kopf.Patch, meta: kopf.Meta, status: kopf.Status, **_: Any) -> None:
            _state(patch, meta, status)

    else:

        @kopf.on.event(*TENANTS, registry=chosen)
        async def heard(patch: kopf.Patch, meta: kopf.Meta, status: kopf.Status, **_: Any) -> None:
            _state(patch, meta, status)

    asyncio.run(ending_with_us(chosen))


def _state(patch: kopf.Patch, meta: kopf.Meta, status: kopf.Status) -> None:
    if status.get("observedGeneration") != meta["generation"]:
        patch.status["observedGeneration"] = meta["generation"]


if __name__ == "__main__":
    main(sys.argv[1])
