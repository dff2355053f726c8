"""The stub of Slack as a process: prints where it is."""

import asyncio

import uvloop

from benchmarks.stub import serve, url_of


async def main() -> None:
    server = await serve()
    print("ready", url_of(server), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
