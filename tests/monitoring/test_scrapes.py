"""What the real processes tell Prometheus, while members connect and photos change."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.product import NAMES, product, until
from tests.monitoring.promtool import promtool
from tests.monitoring.scraping import families, metrics_of_rules, series, unknown
from tests.servers import Server, valkey_binary

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

BUDGET = 600
"""Series of one process, its histograms and Python's own included: a tenth of what one alert on series is set for."""

Pages = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    """The metrics page of each process, after somebody connected, chose, and saw their photo change."""
    folder = tmp_path_factory.mktemp("scrapes")
    server = Server(valkey_binary(), folder / "valkey").start()
    try:
        async with product(server, folder) as it:
            person = it.newcomer()
            await person.connect()
            await person.shows("frequency")
            before = person.photo()
            await person.click("frequency", "3600")
            await person.shows("A new photo every hour")
            await person.becomes_due()

            async def changed() -> bool:
                return person.photo() != before

            await until(changed, "another photo")
            await person.settled()
            found: Pages = {}

            async def told() -> bool:
                for name in NAMES:
                    found[name] = (await it.browser.get(it.probe(name, "metrics"))).text
                return any('rotavatar_members{state="scheduled"}' in page for page in found.values())

            await until(told, "a census")
            yield found
    finally:
        server.kill()


@pytest.mark.parametrize("name", NAMES)
async def test_prometheus_finds_no_fault(pages: Pages, name: str) -> None:
    promtool("check", "metrics", given=pages[name])


@pytest.mark.parametrize("name", NAMES)
async def test_a_process_keeps_to_its_budget_of_series(pages: Pages, name: str) -> None:
    assert len(series(pages[name])) <= BUDGET


@pytest.mark.parametrize("name", NAMES)
async def test_every_process_says_what_it_is_and_whether_redis_answers(pages: Pages, name: str) -> None:
    process = name.removesuffix("_api")
    assert f'rotavatar_build_info{{process="{process}"' in pages[name]
    assert "rotavatar_redis_up 1.0" in pages[name]


async def test_shared_facts_are_told_by_one_process(pages: Pages) -> None:
    holders = [name for name, page in pages.items() if "rotavatar_shared_facts_holder 1.0" in page]
    assert len(holders) == 1
    telling = [name for name, page in pages.items() if "rotavatar_stream_lag_known{" in page]
    assert telling == holders


async def test_work_is_counted_where_it_is_done(pages: Pages) -> None:
    assert 'rotavatar_ingress_requests_total{outcome="accepted"' in pages["ingress_api"]
    assert 'rotavatar_jobs_total{kind="frequency",outcome="done"} 1.0' in pages["rotator"]
    assert 'rotavatar_jobs_total{kind="publish",outcome="done"}' in pages["publisher"]
    for cause in ("slack", "ours"):
        assert f'rotavatar_rotation_lateness_seconds_count{{cause="{cause}"}}' in pages["rotator"]
    assert 'rotavatar_publish_latency_seconds_count{looking="yes"}' in pages["publisher"]


async def test_every_metric_that_rules_read_is_told(pages: Pages) -> None:
    read = {name for name in metrics_of_rules() if not name.startswith("rotavatar_operator_")}
    assert len(read) > 15
    assert not unknown(read, set().union(*map(families, pages.values())))


async def test_no_label_holds_a_workspace_or_a_member(pages: Pages) -> None:
    for page in pages.values():
        assert families(page)
        assert "T0" not in page
        assert "U0" not in page
