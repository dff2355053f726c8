"""What the chart tells each process is exactly what that process reads."""

import base64
from pathlib import Path

import pytest

from rotavatar import settings
from rotavatar.configuration import PREFIX, declared
from tests.chart.rendering import SETS, Object, Rendered, component, render

PROCESSES = {
    "ingress_api": "ingress-api",
    "rotator": "rotator",
    "publisher": "publisher",
    "slacktenant_operator": "operator",
}
"""Component of the chart by Python package."""

CONTENTS = {
    "slack-client-secret": "client-secret",
    "slack-signing-secret": "old-one,new-one",
    "vault-keys": "k1:" + base64.b64encode(bytes(32)).decode(),
    "redis-password": "a-password",
    "redis-sentinel-password": "another-password",
    "redis-url": "rediss://user:password@redis.example.com:6380/1",
    "redis-ca.crt": "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----",
}
"""What an operator's Secrets hold, by the file that they become."""


def pod_of(rendered: Rendered, name: str) -> Object:
    found: Object = rendered.one("Deployment", f"-{name}")["spec"]["template"]["spec"]
    return found


def mounted(pod: Object) -> set[str]:
    """The files of the volume with secrets."""
    (volume,) = [each for each in pod["volumes"] if each["name"] == "secrets"]
    return {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("package", PROCESSES)
def test_a_process_starts_with_what_it_is_told(package: str, name: str, tmp_path: Path) -> None:
    """Loaded by the process's own code, which refuses what is missing, wrong or unknown."""
    rendered = render(name)
    if package == "slacktenant_operator" and name == "gateway":
        assert "operator" not in {component(each) for each in rendered.of("Deployment")}
        return
    variables = rendered.variables(PROCESSES[package])
    for file in mounted(pod_of(rendered, PROCESSES[package])) & CONTENTS.keys():
        (tmp_path / file).write_text(CONTENTS[file])
    environ = {key: value.replace("/run/secrets/rotavatar", str(tmp_path)) for key, value in variables.items()}
    kind = settings.PROCESSES[package]
    settings.load(kind, environ)  # raises what the process would say
    known = {variable for setting in declared(kind) for variable in (setting.variable, f"{setting.variable}_FILE")}
    assert {variable for variable in variables if variable.startswith(PREFIX)} <= known, "told what it never reads"


def test_every_process_is_in_the_chart() -> None:
    assert settings.PROCESSES.keys() == PROCESSES.keys()
    assert {component(each) for each in render("trial").of("Deployment")} == {*PROCESSES.values(), "toolbox"}


@pytest.mark.parametrize("package", PROCESSES)
def test_every_setting_can_be_set(package: str) -> None:
    """Over all sets of values together, nothing that a process reads is out of reach."""
    told = {key for name in SETS if (package, name) != ("slacktenant_operator", "gateway")
            for key in render(name).variables(PROCESSES[package])}  # fmt: skip
    for setting in declared(settings.PROCESSES[package]):
        assert {setting.variable, f"{setting.variable}_FILE"} & told, f"{setting.variable} cannot be set"


@pytest.mark.parametrize("name", SETS)
def test_the_toolbox_is_told_what_all_processes_are(name: str) -> None:
    rendered = render(name)
    processes = {component(each) for each in rendered.of("Deployment")} - {"toolbox"}
    told: dict[str, str] = {}
    for process in processes:
        told |= rendered.variables(process)
    assert rendered.variables("toolbox") | told == rendered.variables("toolbox")


@pytest.mark.parametrize("name", SETS)
def test_secrets_are_files_and_nothing_else(name: str) -> None:
    """Neither a ConfigMap nor a variable holds one, and the chart makes none."""
    rendered = render(name)
    assert not rendered.of("Secret")
    secret = {setting.variable for setting, _ in settings.every_setting().values() if setting.secret}
    for each in rendered.of("ConfigMap"):
        plain = secret & each.get("data", {}).keys()
        assert plain <= {"ROTAVATAR_REDIS_URL"}
        assert "@" not in each.get("data", {}).get("ROTAVATAR_REDIS_URL", ""), "a URL with a password"
    for _, pod in rendered.pods():
        for container in pod["spec"]["containers"]:
            assert not [each for each in container.get("env", []) if "secretKeyRef" in each.get("valueFrom", {})]


def test_a_process_gets_only_its_own_secrets() -> None:
    rendered = render("everything")
    files = {name: mounted(pod_of(rendered, name)) for name in PROCESSES.values()}
    assert mounted(pod_of(rendered, "toolbox")) == set.union(*files.values())
    assert [name for name in files if "slack-signing-secret" in files[name]] == ["ingress-api"]
    assert [name for name in files if "google-credentials" in files[name]] == ["rotator"]
    assert rendered.variables("rotator")["GOOGLE_APPLICATION_CREDENTIALS"].endswith("/google-credentials")


def test_secrets_are_not_mounted_by_sub_path() -> None:
    """Such a mount never changes, and vault keys are read again when they do."""
    for _, pod in render("everything").pods():
        mounts = [mount for each in pod["spec"]["containers"] for mount in each.get("volumeMounts", [])]
        assert mounts and not [mount for mount in mounts if "subPath" in mount]


def test_a_change_of_configuration_replaces_the_pods_of_who_reads_it() -> None:
    def sums(rendered: Rendered) -> dict[str, str]:
        return {
            component(each): each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for each in rendered.of("Deployment")
        }

    before, after = sums(render("trial")), sums(render("trial", values={"retentionDays": 3}))
    assert {name for name in before if before[name] != after[name]} == {"rotator", "toolbox"}
    louder = sums(render("trial", values={"log": {"level": "debug"}}))
    assert {name for name in before if before[name] != louder[name]} == {*PROCESSES.values(), "toolbox"}


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("trial", "redis://rotavatar-redis:6379/0"),
        ("production", "rediss://redis.databases.svc:6380/0"),
        ("gateway", "redis://redis-0.redis.databases.svc:6379,redis-1.redis.databases.svc:6379/0"),
        ("everything", "rediss+sentinel://s0.example.com:26379,s1.example.com:26379/photos/2"),
        ("namespaced", ""),
    ],
)
def test_the_way_to_redis_is_one_that_the_product_understands(name: str, url: str) -> None:
    assert render(name).variables("rotator").get("ROTAVATAR_REDIS_URL", "") == url
