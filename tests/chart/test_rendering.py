"""Each realistic set of values renders with Helm 4 and 3, into objects that the oldest and newest Kubernetes take."""

import kubernetes_validate
import pytest

from tests.chart.rendering import HELMS, NEWEST, OLDEST, SETS, Rendered, lint, render

FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "HTTPRoute"}
"""Kinds of other projects, of which kubernetes-validate has no schema."""


def test_there_are_sets_for_the_usual_cases() -> None:
    assert set(SETS) >= {"trial", "production", "keda", "namespaced", "gateway", "everything"}


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", SETS)
def test_helm_has_nothing_to_complain_of(name: str, helm: str) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in lint(name, helm=helm)


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", SETS)
def test_kubernetes_knows_every_field(name: str, kubernetes: str) -> None:
    rendered = render(name, kubernetes=kubernetes)
    foreign = {each["kind"] for each in rendered.objects} & FOREIGN
    checked = [each for each in rendered.objects if each["kind"] not in foreign]
    assert len(checked) > 15
    for each in checked:
        if each["kind"] != "CustomResourceDefinition":  # its schema is held against a real API server
            kubernetes_validate.validate(each, kubernetes.rpartition(".")[0], strict=True)


@pytest.mark.parametrize("name", SETS)
def test_helm_3_and_4_render_the_same(name: str) -> None:
    assert by_name(render(name)) == by_name(render(name, helm="helm3"))


def by_name(rendered: Rendered) -> dict[tuple[str, str, str], object]:
    return {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each
        for each in rendered.objects
    }


@pytest.mark.parametrize("name", SETS)
def test_no_two_objects_share_a_name(name: str) -> None:
    rendered = render(name)
    assert len(by_name(rendered)) == len(rendered.objects)


def test_monitors_need_a_cluster_that_knows_them() -> None:
    monitors = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert {each["kind"] for each in render("production").objects} & monitors >= {"ServiceMonitor", "PodMonitor"}
    without = render("production", kinds=())
    assert not {each["kind"] for each in without.objects} & monitors
    always = render("production", values={"monitoring": {"renderMode": "alwaysRender"}}, kinds=())
    assert always.of("ServiceMonitor") and always.of("PodMonitor")


@pytest.mark.parametrize("name", SETS)
def test_everything_is_labelled_as_kubernetes_recommends(name: str) -> None:
    wanted = {"name", "instance", "version", "managed-by", "part-of"}
    for each in render(name, values={"extraObjects": []}).objects:
        labels = each["metadata"]["labels"]
        assert {f"app.kubernetes.io/{end}" for end in wanted} <= labels.keys(), each["metadata"]["name"]
        assert labels["helm.sh/chart"].startswith("rotavatar-")


def test_what_is_added_to_everything_is_everywhere() -> None:
    for each in render("everything", values={"extraObjects": []}).objects:
        assert each["metadata"]["labels"]["team"] == "people", each
    for each, pod in render("everything").pods():
        assert pod["metadata"]["labels"]["team"] == "people", each
        assert pod["metadata"]["annotations"]["example.com/owner"] == "people@example.com"


def test_extra_objects_are_rendered_with_their_expressions() -> None:
    names = {each["metadata"]["name"]: each for each in render("everything").of("ConfigMap")}
    assert names["more-of-it"]["data"] == {"release": "rotavatar"}
    assert "rotavatar-text" in names


def test_long_names_stay_within_what_kubernetes_takes() -> None:
    rendered = render("trial", values={"fullnameOverride": "a" * 39 + "-" + "b" * 30, "commonLabels": {}})
    names = [each["metadata"]["name"] for each in rendered.objects if each["kind"] != "CustomResourceDefinition"]
    assert max(map(len, names)) <= 63
    assert not [name for name in names if "--" in name]
