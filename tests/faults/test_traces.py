"""One id joins a request of Slack to its job, its rotation and its publish, in the logs of the real processes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.product import Product, product, until
from tests.servers import Server

pytestmark = pytest.mark.slow


@pytest.fixture
async def it(valkey: Server, tmp_path: Path) -> AsyncIterator[Product]:
    async with product(valkey, tmp_path, level="debug") as running:
        yield running


def lines(it: Product, name: str, event: str, **fields: str) -> list[dict[str, Any]]:
    """What a process said of an event, where `fields` hold."""
    said = [json.loads(line) for line in it.log(name).splitlines() if line.startswith("{")]
    return [line for line in said if line["event"] == event and fields.items() <= line.items()]


async def test_a_shuffle_is_followed_from_slack_to_the_home_tab(it: Product) -> None:
    person = it.newcomer()
    await person.connect()
    await person.shows("frequency")
    await person.click("frequency", "3600")
    await person.shows("A new photo every hour")
    await person.settled()
    before = person.photo()
    await person.click("shuffle")

    async def changed() -> bool:
        return person.photo() != before

    await until(changed, "another photo")
    await person.settled()
    (request,) = lines(it, "ingress_api", "request taken", kind="shuffle")
    trace = request["trace"]
    assert len(trace) == 16
    (job,) = lines(it, "rotator", "choice applied", trace=trace)
    assert (job["workspace"], job["user"]) == (person.team, person.user)
    (rotation,) = lines(it, "rotator", "photo changed", trace=trace)
    assert (rotation["wish"], rotation["user"]) == ("shuffle", person.user)
    assert lines(it, "publisher", "tab wanted", trace=trace)
    assert lines(it, "publisher", "tab published", trace=trace)[-1]["timestamp"] > rotation["timestamp"]


async def test_a_consent_is_followed_from_the_redirect_to_the_home_tab(it: Product) -> None:
    person = it.newcomer()
    await person.connect()
    await person.shows("frequency")
    await person.settled()
    (installed,) = lines(it, "ingress_api", "installed")
    trace = installed["trace"]
    assert lines(it, "rotator", "member joined", trace=trace)
    assert lines(it, "publisher", "tab published", trace=trace)


async def test_what_the_schedule_asks_for_has_no_trace_of_an_earlier_request(it: Product) -> None:
    person = it.newcomer()
    await person.connect()
    await person.shows("frequency")
    await person.click("frequency", "3600")
    await person.shows("A new photo every hour")
    await person.settled()
    before = person.photo()
    await person.becomes_due()

    async def changed() -> bool:
        return person.photo() != before

    await until(changed, "another photo")
    await person.settled()
    assert lines(it, "rotator", "photo changed", user=person.user)[-1]["trace"] == ""
