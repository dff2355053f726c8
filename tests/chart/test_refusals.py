"""Values that cannot work are refused, each with a sentence that names it and says what to do."""

import re
from typing import Any

import pytest

from tests.chart.rendering import CHART, refusal, render

BUCKET = {"photoStore": {"url": "s3://photos"}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("trial", {"publicUrl": ""}, "publicUrl is missing: set it to the address"),
    ("trial", {"slack": {"appId": ""}}, "slack.appId is missing: copy it from"),
    ("trial", {"slack": {"clientId": ""}}, "slack.clientId is missing: copy it from"),
    ("trial", {"slack": {"existingSecret": ""}}, "slack.existingSecret is missing: make a Secret with the keys"),
    ("trial", {"vault": {"existingSecret": ""}}, "vault.existingSecret is missing: put what `rotavatar keys new`"),
    ("trial", {"redis": {"embedded": {"existingSecret": ""}}}, "redis.embedded.existingSecret is missing: make"),
    ("production", {"redis": {"external": {"addresses": []}}}, "redis.external.addresses is empty: name your Redis"),
    ("production", {"redis": {"external": {"addresses": ["a:1", "b:2"]}}}, "leave one, or set topology to sentinel"),
    ("production", {"redis": {"external": {"urlKey": "url"}}}, "urlKey and redis.external.addresses are both set"),
    ("namespaced", {"redis": {"external": {"existingSecret": ""}}}, "urlKey needs redis.external.existingSecret"),
    ("keda", {"redis": {"external": {"sentinelMaster": ""}}}, "redis.external.sentinelMaster is missing: set it"),
    ("gateway", {"redis": {"external": {"sentinelMaster": "x"}}}, "set topology to sentinel, or remove sentinelMaster"),
    ("gateway", {"redis": {"external": {"database": 1}}}, "redis.external.database must be 0"),
    ("keda", {"redis": {"external": {"existingSecret": ""}}}, "sentinelPasswordKey needs redis.external.existing"),
    ("production", {"redis": {"external": {"existingSecret": ""}}}, "redis.external.username needs"),
    ("production", {"redis": {"external": {"tls": {"enabled": False}}}}, "set enabled to true, or remove caSecret"),
    (
        "keda",
        {"redis": {"external": {"addresses": [], "urlKey": "url"}}},
        "keda.enabled needs redis.external.addresses in place of urlKey",
    ),
    (
        "keda",
        {"rotator": {"autoscaling": {"enabled": True}}},
        "rotator.autoscaling.enabled and rotator.keda.enabled are both true: choose one",
    ),
    ("keda", {"publisher": {"keda": {"minReplicas": 9}}}, "publisher.keda.minReplicas is above maxReplicas: lower it"),
    (
        "production",
        {"ingressApi": {"autoscaling": {"minReplicas": 13}}},
        "ingressApi.autoscaling.minReplicas is above maxReplicas",
    ),
    (
        "production",
        {"ingressApi": {"autoscaling": {"targetCPUUtilizationPercentage": 0}}},
        "ingressApi.autoscaling has nothing to scale by: set targetCPUUtilizationPercentage",
    ),
    (
        "production",
        {"operator": {"autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 2,
                                      "targetCPUUtilizationPercentage": 5, "metrics": [], "behavior": {}}}},
        "operator.autoscaling.enabled must be false",
    ),
    (
        "production",
        {"ingressApi": {"terminationGracePeriodSeconds": 30}},
        "ingressApi.terminationGracePeriodSeconds is too short",
    ),
    ("trial", {"rotator": {"replicas": 2}}, "rotator.replicas must be 1 while photos are on a volume"),
    ("production", {"httpRoute": {"enabled": True, "parentRefs": [{"name": "x"}]}}, "ingress.enabled and httpRoute"),
    ("gateway", {"httpRoute": {"parentRefs": []}}, "httpRoute.parentRefs is empty: name the Gateway"),
    ("namespaced", {"operator": {"installNamespace": "team-c"}}, "operator.watchNamespaces does not name: add it"),
    ("gateway", {"installPolicy": "approve"}, "installPolicy approve needs operator.enabled"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "sentence"), REFUSED, ids=[sentence[:50] for *_, sentence in REFUSED])
def test_values_that_cannot_work_are_refused(name: str, values: dict[str, Any], sentence: str) -> None:
    render(name)  # without them it works
    assert sentence in refusal(name, values=values)


def test_all_problems_are_told_at_once() -> None:
    said = refusal("trial", values={"publicUrl": "", "slack": {"appId": ""}})
    assert "publicUrl" in said and "slack.appId" in said


def test_a_cluster_without_the_prometheus_operator_can_be_refused() -> None:
    said = refusal("production", values={"monitoring": {"renderMode": "failIfMissing"}}, kinds=())
    assert "this cluster has no" in said and "set monitoring.renderMode to skipIfMissing" in said


def test_every_sentence_of_the_chart_is_tried() -> None:
    """A new one in templates/validations.yaml comes with its case here."""
    text = (CHART / "templates/validations.yaml").read_text()
    sentences = re.findall(r'append \$problems (?:\(printf )?"([^"]+)"', text)
    assert len(sentences) == text.count("append $problems") > 25
    said = "\n".join(refusal(name, values=values) for name, values, _ in REFUSED)
    for sentence in sentences:
        assert re.search(re.sub("%[sd]", ".+", re.escape(sentence)), said), sentence
