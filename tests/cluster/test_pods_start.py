"""The programs of an installation start with exactly what its pods tell them, and a member's photo changes.

The set is that of production: an external Redis over TLS with an ACL user, an Ingress, tenants in a namespace of their
own. The pods are taken from the API server and their programs run here, see tests/cluster/pods.py.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import yaml

from control_plane import audit
from control_plane.plane import ControlPlane, running
from rotator.resemblance import resembles
from rotavatar.keyring import generate_key
from slack_simulator import people
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from slack_simulator.homes import SELECTED
from slack_simulator.state import Member
from slack_simulator.views import controls
from tests.cluster.pods import Pod, service_addresses
from tests.cluster.releases import Release
from tests.cluster.surroundings import OPTIONS, define_foreign_kinds, prepare, restricted_namespace
from tests.patience import SECONDS
from tests.pictures import draw_catalogue, picture
from tests.redis_access import Authority, documented_user
from tests.servers import Server, redis_binary

pytestmark = [pytest.mark.helm, pytest.mark.redis7]

ROOT = Path(__file__).parents[2]
APP: Final = AppConfig()
PASSWORD: Final = "a-password-of-the-operator"
TRIES: Final = 20
PROCESSES: Final = ("operator", "rotator", "publisher", "ingress-api")
TOOLBOX: Final = ("scale", "deployment/rotavatar-toolbox", "--replicas", "1")
TEAM, USER, OWN = "T0LIGHTHOUSE", "U0AMARA", picture(7777)
VALUES: Final = {
    "slack": {"appId": APP.app_id, "clientId": APP.client_id},
    "defaults": {"minReadySeconds": 0, "extraEnv": [{"name": "TZ", "value": "UTC"}]},
}
"""Of this Slack's app; and a variable, so that there is one beside the ConfigMap."""

TENANTS: Final = "/apis/rotavatar.dev/v1alpha1/namespaces/rotavatar-tenants/slacktenants"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with nodes, and everything that the set of production expects there."""
    with running(tmp_path_factory.mktemp("pods"), OPTIONS) as started:
        prepare(started)
        define_foreign_kinds(started)
        yield started


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def redis(tmp_path: Path, authority: Authority) -> Iterator[Server]:
    """Over TLS for the user that docs/install.md tells to make; the default user can only be used without."""
    server = Server(redis_binary(), tmp_path / "redis", options=authority.options()).start()
    rules = documented_user((ROOT / "docs/install.md").read_text(), "ACL SETUSER rotavatar on >…")
    server.command("ACL", "SETUSER", "rotavatar", "on", f">{PASSWORD}", *rules)
    yield server
    server.kill()


class Installation:
    """A release, the Redis and the folders that its pods find, and their programs."""

    def __init__(self, release: Release, redis: Server, folder: Path) -> None:
        self.release, self.api, self.redis, self.folder = release, release.plane.api, redis, folder
        self.pods: dict[str, Pod] = {}
        self.services: dict[str, str] = {}
        self.addresses = {
            "redis.databases.svc:6380": f"127.0.0.1:{redis.options['tls-port']}",
            "s3://example-photos/rotavatar": str(folder / "photos"),
            "/usr/share/rotavatar/catalogue": str(folder / "catalogue"),
            "avatars.slack-edge.com": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",
            "https://kubernetes.default.svc": release.plane.url,
        }

    def make_secrets(self, authority: Authority) -> None:
        """Those that docs/install.md tells to make."""
        made = {
            "rotavatar-slack": {"client-secret": APP.client_secret, "signing-secret": APP.signing_secrets[0]},
            "rotavatar-vault": {"vault-keys": generate_key()},
            "rotavatar-redis": {"redis-password": PASSWORD},
            "rotavatar-redis-ca": {"ca.crt": authority.ca.read_text()},
        }
        for name, values in made.items():
            path = f"/api/v1/namespaces/{self.release.namespace}/secrets"
            self.api.post(path, {"metadata": {"name": name}, "stringData": values})

    def take(self, component: str) -> Pod:
        """One pod of a component, as the API server holds it."""
        pods = self.release.listed("v1/pods")
        found = next(each for each in pods if each["metadata"]["labels"]["app.kubernetes.io/component"] == component)
        return Pod(self.api, found, self.folder / component, addresses=self.addresses)

    def take_processes(self) -> str:
        """Take a pod of each process; the address to which the Ingress leads."""
        self.pods = {component: self.take(component) for component in PROCESSES}
        self.services = service_addresses(self.release.listed("v1/services"), self.pods.values())
        (ingress,) = self.release.listed("networking.k8s.io/v1/ingresses")
        (rule,) = ingress["spec"]["rules"]
        backend = rule["http"]["paths"][0]["backend"]["service"]
        (service,) = [
            each for each in self.release.listed("v1/services") if each["metadata"]["name"] == backend["name"]
        ]
        (port,) = [each["port"] for each in service["spec"]["ports"] if each["name"] == backend["port"]["name"]]
        leads_to = self.services[f"{backend['name']}:{port}"]
        public = f"http://{leads_to}"
        self.addresses |= self.services | {f"https://{rule['host']}": public}
        return public

    async def start(self) -> None:
        """Start the programs one after the other, and go through all probes of each."""
        for pod in self.pods.values():
            pod.at(self.addresses)
            await pod.start()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            for pod in self.pods.values():
                await pod.passes(probe)

    async def run(self, pod: Pod, *command: str) -> str:
        """What a command prints that runs to its end with the pod's variables and files. Raises AssertionError."""
        pod.at(self.addresses)
        process = await asyncio.create_subprocess_exec(
            *command, env=pod.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 0, said.decode()
        return said.decode()

    def end(self) -> None:
        """End all programs whatever happens."""
        for pod in self.pods.values():
            if pod.process is not None and pod.process.returncode is None:
                with suppress(ProcessLookupError):
                    pod.process.kill()


@asynccontextmanager
async def slack(public: str) -> AsyncIterator[Simulator]:
    """Slack, with an app whose addresses are those of its manifest."""
    app = AppConfig(
        redirect_urls=(f"{public}/slack/oauth_redirect",),
        events_url=f"{public}/slack/events",
        interactions_url=f"{public}/slack/interactions",
        commands_url=f"{public}/slack/commands",
        options_url=f"{public}/slack/options",
        install_url=f"{public}/slack/install",
    )
    async with Simulator(app) as simulator:
        yield simulator


async def until(holds: Callable[[], Any], what: str) -> Any:
    """The first true value of `holds()`, which may block. Raises AssertionError that names `what`."""
    end = asyncio.get_running_loop().time() + SECONDS
    while not (seen := await asyncio.to_thread(holds)):
        assert asyncio.get_running_loop().time() < end, f"not within {SECONDS:g} s: {what}"
        await asyncio.sleep(0.1)
    return seen


async def connect(simulator: Simulator, public: str, person: str) -> str:
    """*Add to Slack*, allow; the page on which that ends."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as browser:
        sent = await browser.get(f"{public}/slack/install")
        asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
        form = {**asked, "person": person, "decision": "allow"}
        back = await browser.post(f"{simulator.url}/oauth/v2/authorize", data=form)
        return (await browser.get(back.headers["location"])).text


async def use(simulator: Simulator, team: str, user: str, action: str, value: str = "") -> None:
    """Use a control of the Home tab, as soon as it is there; again where the tab is another by then."""

    def control() -> tuple[str, Any] | None:
        view = simulator.home(team, user)
        found = [] if view is None else controls(view["blocks"])
        return next(((block, element) for block, element in found if element["action_id"] == action), None)

    for _ in range(TRIES):
        block, element = await until(control, f"{action} in the Home tab")
        options = [option for option in element.get("options", []) if option["value"] == value]
        chosen = {SELECTED[element["type"]][0]: options[0]} if options else {}
        if (await simulator.act(team, user, block_id=block, action_id=action, **chosen)).ok:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{action} was not taken")


def shown(member: Member) -> str:
    """Which photo Slack shows of a member."""
    return member.photo.file_hash if member.photo else ""


async def taken_test_pod(it: Installation) -> Pod:
    """The pod of `helm test`, made as Helm makes it; Helm itself would take it away as soon as it is done."""
    hooks = list(yaml.load_all(it.release.run("get", "hooks", "rotavatar"), Loader=yaml.CSafeLoader))
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": hooks})
    await asyncio.to_thread(it.release.plane.kubectl, "apply", "--filename", "-", given=given)
    await until(lambda: "test" in it.release.pods(), "the test has a pod")
    return it.take("test")


async def taken_toolbox(it: Installation) -> Pod:
    """The toolbox, which has no pod until somebody wants one."""
    it.release.plane.kubectl(*TOOLBOX, "--namespace", it.release.namespace)
    await until(lambda: "toolbox" in it.release.pods(), "there is a toolbox")
    return it.take("toolbox")


async def test_its_programs_start_as_its_pods_say_and_a_photo_changes(
    plane: ControlPlane, redis: Server, authority: Authority, tmp_path: Path
) -> None:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12, "planets": 6})
    it = Installation(Release(plane, restricted_namespace(plane), tmp_path), redis, tmp_path)
    it.make_secrets(authority)
    await asyncio.to_thread(it.release.install, "production", values=VALUES)
    public = it.take_processes()
    try:
        async with slack(public) as simulator:
            it.addresses["https://slack.com"] = simulator.url
            await it.start()
            await check_test(it)
            await check_member(simulator, public)
            await check_operator(it)
            await check_teardown(it, simulator)
            assert [await it.pods[name].stop() for name in ("operator", "publisher", "rotator")] == [0, 0, 0]
    finally:
        it.end()
    used = {each for pod in it.pods.values() for each in pod.used}
    assert {*it.addresses} - used == {"https://kubernetes.default.svc", *it.services}
    assert not [pod.log for pod in it.pods.values() if "Traceback" in pod.log]


async def check_test(it: Installation) -> None:
    """The program of `helm test` finds what works."""
    pod = await taken_test_pod(it)
    assert (await it.run(pod, *pod.command())).startswith("Slack's requests are verified")


async def check_member(simulator: Simulator, public: str) -> None:
    """Somebody joins, chooses, and wears another photo."""
    team = simulator.add_team(team=TEAM).id
    member = simulator.add_member(team, name="amara", user=USER)
    people.set_photo(simulator.slack, team=team, member=member, content=OWN)
    own = shown(member)
    assert "You are connected" in await connect(simulator, public, f"{team}.{member.id}")
    await use(simulator, team, member.id, "frequency", "3600")
    await use(simulator, team, member.id, "shuffle")
    await until(lambda: shown(member) not in ("", own), "another photo")


async def check_operator(it: Installation) -> None:
    """The chart's roles are enough for it: what somebody installed it shows, and looks after from then on."""

    def ready() -> bool:
        tenants = it.api.get(TENANTS)["items"]
        assert [tenant["spec"]["workspace"] for tenant in tenants] in ([], [TEAM])
        conditions = [each for tenant in tenants for each in tenant.get("status", {}).get("conditions", [])]
        return ("Ready", "True") in {(each["type"], each["status"]) for each in conditions}

    await until(ready, "the workspace is a SlackTenant, and ready")
    events = list(audit.events(it.release.plane.audit_log))
    used = audit.uses(events, audit.username(it.release.namespace, "rotavatar-operator"))
    assert {use.verb for use in used if use.resource == "slacktenants"} >= {"create", "list", "watch"}
    for username in (audit.username(it.release.namespace, "rotavatar-operator"), "system:anonymous"):
        assert audit.refusals(events, username) == set()


async def check_teardown(it: Installation, simulator: Simulator) -> None:
    """The way out that docs/install.md tells, up to `helm uninstall`: everybody has their own photo back."""
    toolbox = await taken_toolbox(it)
    await it.run(toolbox, sys.executable, "-m", "rotavatar_cli", "doctor")
    assert await it.pods["ingress-api"].stop() == 0
    await it.run(toolbox, sys.executable, "-m", "rotavatar_cli", "teardown", "--yes")
    member = simulator.slack.world.member(TEAM, USER)
    assert member is not None and member.photo is not None
    content = simulator.slack.photos.content(member.photo)
    assert content is not None and resembles(content, OWN)
    assert not await asyncio.to_thread(it.redis.command, "KEYS", "rv:*:member:*")
