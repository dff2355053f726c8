"""What the operator tells Prometheus."""

import pytest

from tests.cluster.operating import Operator
from tests.cluster.test_operator_straight import declared
from tests.monitoring.promtool import promtool
from tests.monitoring.scraping import families, metrics_of_rules, series, unknown
from tests.monitoring.test_scrapes import BUDGET


@pytest.mark.prometheus
async def test_prometheus_finds_no_fault_and_few_series(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    page = await operator.metrics()
    promtool("check", "metrics", given=page)
    assert len(series(page)) <= BUDGET
    read = {name for name in metrics_of_rules() if name.startswith("rotavatar_operator_")}
    assert read
    assert not unknown(read, families(page))
    assert 'rotavatar_operator_tenants{condition="Synced",status="True"} 1.0' in page
    assert 'rotavatar_build_info{process="operator"' in page
    assert "rotavatar_redis_up 1.0" in page
