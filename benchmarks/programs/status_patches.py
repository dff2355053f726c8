"""A bare loop: one status for each SlackTenant, 16 at a time. Arguments: address, CA, token, count."""

import json
import sys
import time
from pathlib import Path

import uvloop

from benchmarks.kubernetes_client import MERGE, KubernetesClient, at_once
from benchmarks.tenants import COLLECTION, name_of

PARALLEL = 16


async def main(url: str, ca: str, token: str, count: str) -> None:
    async with KubernetesClient(url, Path(ca), token, connections=PARALLEL) as client:

        async def patch(number: int) -> None:
            path = f"{COLLECTION}/{name_of(number)}/status"
            await client.request("PATCH", path, {"status": {"observedGeneration": 1}}, content=MERGE)

        began = time.perf_counter()
        await at_once(PARALLEL, patch, range(int(count)))
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
