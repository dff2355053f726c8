"""The stub of Slack as a process: prints where it is. `auth.test=0.1` makes a method take so many seconds."""

import asyncio
import sys

import uvloop

from benchmarks.stub import serve, url_of


async def main(words: list[str]) -> None:
    server = await serve(
        delays={method: float(seconds) for method, _, seconds in (word.partition("=") for word in words)}
    )
    print("ready", url_of(server), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
