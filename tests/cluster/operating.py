"""The operator as it is deployed, and short ways to say what a person with kubectl does.

A real process with the service account that we ship, a real API server, a real Valkey and a simulated Slack.
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from msgspec.structs import replace

from control_plane import audit
from control_plane.api import Api
from control_plane.errors import ApiError
from control_plane.plane import ControlPlane
from rotavatar import keys
from rotavatar.apps import AppCredentials, open_app
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, open_credential, seal_credential
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import PARTITIONS, User, Workspace, partition_of
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, Status, Suspension, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import AppStore, ChangeStore, Commit, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.vault import Owner, Vault
from slack_simulator.app import Simulator
from slack_simulator.tokens import Issued
from tests.dev import eventually
from tests.manifests import objects
from tests.patience import SECONDS
from tests.servers import Server, free_port

WRITES = frozenset(
    [
        "hset",
        "hdel",
        "hincrby",
        "set",
        "del",
        "unlink",
        "zadd",
        "zrem",
        "zincrby",
        "sadd",
        "srem",
        "xadd",
        "incr",
        "expire",
        "pexpire",
    ]
)
PUBLIC_URL = "https://rotavatar.example"
Body = dict[str, Any]
T = TypeVar("T")


class Operator:
    """One operator process after the other, and the world that it works on."""

    def __init__(
        self,
        plane: ControlPlane,
        valkey: Server,
        simulator: Simulator,
        folder: Path,
        *,
        namespace: str,
        kubeconfig: Path,
        settings: dict[str, str],
    ) -> None:
        self.plane, self.valkey, self.simulator, self.folder = plane, valkey, simulator, folder
        self.namespace, self.kubeconfig, self.settings = namespace, kubeconfig, settings
        self.key = generate_key()
        self.vault = Vault(KeyRing(Secret(self.key)))
        self.metrics_port = free_port()
        self.process: Process | None = None
        self.person: Api = plane.api
        self.program = ["-m", "slacktenant_operator"]
        self.redis: Redis

    @property
    def log(self) -> str:
        """Everything that the process has said, over all its lives."""
        path = self.folder / "operator.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self) -> list[Body]:
        """The log, line by line."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def environment(self) -> dict[str, str]:
        app = self.simulator.slack.app
        given = {
            "REDIS_URL": self.valkey.url,
            "PUBLIC_URL": PUBLIC_URL,
            "SLACK_BASE_URL": self.simulator.url,
            "SLACK_APP_ID": app.app_id,
            "SLACK_CLIENT_ID": app.client_id,
            "SLACK_CLIENT_SECRET": app.client_secret,
            "VAULT_KEYS": self.key,
            "HOST": "127.0.0.1",
            "METRICS_PORT": str(self.metrics_port),
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
            "WATCH_NAMESPACES": self.namespace,
            **self.settings,
        }
        return {f"ROTAVATAR_{name}": value for name, value in given.items()}

    async def start(self, *, ready: bool = True) -> None:
        """Start a process and wait until it is ready."""
        environment = {**os.environ, **self.environment(), "KUBECONFIG": str(self.kubeconfig)}
        with (self.folder / "operator.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self.program, env=environment, stdout=log, stderr=log
            )
        if ready:
            await self.until(self.is_ready, "the operator is ready")

    async def stop(self) -> int:
        """Ask the process to stop, and return its exit code."""
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.terminate()
        code = await asyncio.wait_for(self.process.wait(), SECONDS)
        self.process = None
        return code

    async def restart(self) -> None:
        """Stop the process, and start another one."""
        assert await self.stop() == 0
        await self.start()

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.process = None

    async def is_ready(self) -> bool:
        """Whether it says so. Raises AssertionError where it has ended."""
        assert self.process is not None
        assert self.process.returncode is None, f"the operator ended:\n{self.log[-4000:]}"
        return await self.probe("readyz") == httpx.codes.OK

    async def probe(self, path: str) -> int:
        """The status of a probe; 0 where nobody answers."""
        async with httpx.AsyncClient() as browser:
            try:
                return (await browser.get(f"http://127.0.0.1:{self.metrics_port}/{path}")).status_code
            except httpx.TransportError:
                return 0

    async def metrics(self) -> str:
        """The metrics page."""
        async with httpx.AsyncClient() as browser:
            return (await browser.get(f"http://127.0.0.1:{self.metrics_port}/metrics")).text

    async def until(self, holds: Callable[[], Any], what: str, *, seconds: float = SECONDS) -> Any:
        """The first true value of `holds()`, awaited if need be. Raises AssertionError that names `what`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            seen = holds()
            if asyncio.iscoroutine(seen):
                seen = await seen
            if seen:
                return seen
            assert loop.time() < end, f"not within {seconds:g} s: {what}\n{self.log[-6000:]}"
            await asyncio.sleep(0.02)

    # Kubernetes, as a person with all rights

    async def api(self, method: str, path: str, body: Body | None = None, **how: Any) -> Body:
        """One request to the API server."""
        return await asyncio.to_thread(self.person.request, method, path, body, **how)

    def speaks_to(self, api: Api) -> None:
        """From now on the person's kubectl uses this API server; the operator's does not change."""
        self.person = api

    async def on_a_thread(self, act: Callable[[], T]) -> T:
        """Do what blocks."""
        return await asyncio.to_thread(act)

    def _secrets(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets" + (f"/{name}" if name else "")

    def _tenants(self, name: str = "") -> str:
        base = f"/apis/rotavatar.dev/v1alpha1/namespaces/{self.namespace}/slacktenants"
        return base + (f"/{name}" if name else "")

    async def apply_secret(self, name: str, *, labelled: bool = True, **values: str) -> Body:
        """Make a Secret, or give the one that is there these values."""
        labels = {"rotavatar.dev/credential": "true"} if labelled else {}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        body = {"metadata": {"name": name, "labels": labels}, "data": data}
        if await asyncio.to_thread(self.person.exists, self._secrets(name)):
            return await self.api("PUT", self._secrets(name), body)
        return await self.api("POST", self._secrets(), body)

    async def delete_secret(self, name: str) -> None:
        await self.api("DELETE", self._secrets(name))

    async def secret(self, name: str) -> Body | None:
        """A Secret, if there is one."""
        return await self._found(self._secrets(name))

    async def create_tenant(self, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Body:
        """Make a SlackTenant."""
        body = {
            "apiVersion": "rotavatar.dev/v1alpha1",
            "kind": "SlackTenant",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": spec,
        }
        return await self.api("POST", self._tenants(), body)

    async def patch_tenant(self, name: str, **spec: Any) -> Body:
        """Merge into the spec of a SlackTenant; None takes a field away."""
        content_type = "application/merge-patch+json"
        return await self.api("PATCH", self._tenants(name), {"spec": spec}, content_type=content_type)

    async def delete_tenant(self, name: str) -> None:
        await self.api("DELETE", self._tenants(name))

    async def tenant(self, name: str) -> Body | None:
        """A SlackTenant, if there is one."""
        return await self._found(self._tenants(name))

    async def tenants(self) -> list[Body]:
        """All SlackTenants of the namespace."""
        return list((await self.api("GET", self._tenants()))["items"])

    async def condition(self, name: str, kind: str = "Ready") -> tuple[str, str]:
        """Status and reason of a condition; empty where it is not there."""
        body = await self.tenant(name)
        if body is None or body.get("status", {}).get("observedGeneration") != body["metadata"]["generation"]:
            return "", ""
        found = [c for c in body["status"].get("conditions", []) if c["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    async def message(self, name: str, kind: str = "Ready") -> str:
        """What a condition says."""
        body = await self.tenant(name)
        assert body is not None
        return next(str(c["message"]) for c in body["status"]["conditions"] if c["type"] == kind)

    async def until_condition(self, name: str, status: str, reason: str, *, kind: str = "Ready") -> None:
        """Wait until a condition stands like this, for the present generation."""

        async def stands() -> bool:
            return await self.condition(name, kind) == (status, reason)

        await self.until(stands, f"{name} is {kind}={status} {reason}: {await self.tenant(name)}")

    async def until_gone(self, name: str) -> None:
        async def gone() -> bool:
            return await self.tenant(name) is None

        await self.until(gone, f"{name} is gone: {await self.tenant(name)}")

    async def told(self, name: str) -> list[tuple[str, str]]:
        """Type and reason of the Events about a tenant, in their order."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = (await self.api("GET", path))["items"]
        about = [item for item in items if item["regarding"]["name"] == name]
        return [(item["type"], item["reason"]) for item in sorted(about, key=lambda item: str(item["eventTime"]))]

    async def _found(self, path: str) -> Body | None:
        try:
            return await self.api("GET", path)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    # Redis, as the other services see it

    async def record(self, team: str) -> WorkspaceRecord | None:
        """The record of a workspace."""
        return await WorkspaceStore(self.redis).read(Workspace(team))

    async def token(self, team: str) -> str:
        """The bot token that the services use; empty where there is none."""
        record = await self.record(team)
        if record is None or not record.credential:
            return ""
        return open_credential(self.vault, record.credential, Owner("bot", Workspace(team))).access_token.reveal()

    async def until_token(self, team: str, token: str, *, seconds: float = SECONDS) -> None:
        """Wait until the services use this token."""

        async def used() -> bool:
            return await self.token(team) == token

        await self.until(used, "the token is in use", seconds=seconds)

    async def install(
        self,
        team: str,
        user: str,
        *,
        suspended: Suspension = Suspension.NO,
        issued: Issued | None = None,
        expires_at: int | None = None,
    ) -> str:
        """Somebody installs the app by OAuth, as ingress stores it; the bot token. One that expires was `issued`."""
        token = issued.access if issued else self.workspace(team)
        refresh = Secret(issued.refresh) if issued and issued.refresh else None
        credential = Credential(access_token=Secret(token), refresh_token=refresh, expires_at=expires_at)
        sealed = seal_credential(self.vault, credential, Owner("bot", Workspace(team)))
        at = int(time.time() * 1000)
        kept = Credential(access_token=Secret("xoxp-1"))
        await WorkspaceStore(self.redis).install(
            Workspace(team),
            User(user),
            record=WorkspaceRecord(
                credential=sealed, credential_at=at, app=self.app_id, name="Team", bot_user="UBOT", suspended=suspended
            ),
            member=Member(credential=seal_credential(self.vault, kept, Owner("member", team, user)), credential_at=at),
            joined=Joined(workspace=Workspace(team), user=User(user), at=at, trace="t"),
            publish=PublishAsked(workspace=Workspace(team), user=User(user), at=at, trace="t"),
        )
        return token

    async def join(self, team: str, user: str, *, frequency: int) -> None:
        """Somebody is on a schedule from the moment at which they are stored: later than that, nothing is marked."""
        workspace, at = Workspace(team), int(time.time() * 1000)
        owner = Owner("member", team, user)
        credential = seal_credential(self.vault, Credential(access_token=Secret("xoxp-1")), owner)
        await WorkspaceStore(self.redis).install(
            workspace,
            User(user),
            record=None,
            member=Member(credential=credential, credential_at=at, frequency=frequency),
            joined=Joined(workspace=workspace, user=User(user), at=at, trace="t"),
            publish=PublishAsked(workspace=workspace, user=User(user), at=at, trace="t"),
        )
        seen = await MemberStore(self.redis).snapshot(workspace, User(user))
        assert seen is not None
        assert seen.member is not None
        due = Commit(member=seen.member, place=Place.DUE, time_ms=at + 3_600_000)
        assert await MemberStore(self.redis).commit(seen, due) is Outcome.OK

    async def uninstall(self, team: str) -> None:
        """Slack says that the app was removed, as the rotator stores it."""
        record = await self.record(team)
        assert record is not None
        gone = replace(record, status=Status.UNINSTALLED, status_at=1, credential=b"")
        assert await WorkspaceStore(self.redis).commit(Workspace(team), record, gone) is Outcome.OK

    async def next_second(self) -> None:
        """Who is created from now on is younger: Kubernetes tells ages to the second."""
        began = int(time.time())
        while int(time.time()) == began:
            await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Wait until the operator has nothing to do: no mark left in Redis, nothing queued, two looks in a row."""
        quiet = 0

        async def idle() -> bool:
            nonlocal quiet
            marks = [await ChangeStore(self.redis).page(partition) for partition in range(PARTITIONS)]
            page = await self.metrics()
            waiting = re.search(r"^rotavatar_operator_queue_depth (\S+)", page, re.MULTILINE)
            quiet = quiet + 1 if not any(marks) and waiting and float(waiting[1]) == 0 else 0
            await asyncio.sleep(0.3)
            return quiet > 3  # longer than a look at the marks

        await self.until(idle, "the operator has nothing to do")

    async def chores(self, team: str) -> set[str]:
        """The kinds of long work that wait for a workspace."""
        partition = partition_of(Workspace(team))
        names = await self.redis.execute(partition, "ZRANGE", keys.chores(partition), 0, -1)
        return {name.decode().split(":")[0] for name in names if name.decode().endswith(f":{team}")}

    async def app(self, app_id: str) -> AppCredentials | None:
        """A further Slack app, as the services know it."""
        sealed = (await AppStore(self.redis).read()).sealed.get(app_id)
        return None if sealed is None else open_app(self.vault, app_id, sealed)

    def writes(self) -> int:
        """How many commands changed this Redis since its beginning, those in scripts included."""
        told: dict[str, dict[str, int]] = self.valkey.command("INFO", "commandstats")
        found = sum(told[f"cmdstat_{name}"]["calls"] for name in WRITES if f"cmdstat_{name}" in told)
        assert found, "something was written before"
        return found

    # Slack

    @property
    def app_id(self) -> str:
        return self.simulator.slack.app.app_id

    def renewed_token(self, team: str) -> str:
        """Another bot token of a workspace; the one before dies."""
        self.simulator.slack.tokens.kill(self.workspace(team))
        return self.workspace(team)

    def lives(self, token: str) -> bool:
        """Whether Slack still takes a token."""
        return self.simulator.slack.world.tokens[token].dead is None

    def workspace(self, team: str) -> str:
        """A workspace in which the app is installed; its bot token."""
        return self.issue(team).access

    def issue(self, team: str) -> Issued:
        """The same with what makes the token last, where it expires."""
        if self.simulator.slack.world.member(team, f"U{team[1:]}") is None:
            if team not in self.simulator.slack.world.workspaces:
                self.simulator.add_team(team=team)
            self.simulator.add_member(team, user=f"U{team[1:]}")
        return self.simulator.install(team, f"U{team[1:]}", member=False)["bot"]


def grant(plane: ControlPlane, namespace: str, folder: Path, *roles: str) -> Path:
    """Make the operator's service account in `namespace`, with exactly the shipped `roles`; its kubeconfig."""
    account = "rotavatar-operator"
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": account}})
    for name in roles:
        kept = []
        for manifest in objects(f"rbac/{name}/roles.yaml"):
            for subject in manifest.get("subjects", []):
                subject["namespace"] = namespace
            if manifest["kind"].startswith("Cluster"):
                manifest["metadata"]["name"] += f"-{namespace}"
            if "roleRef" in manifest and manifest["roleRef"]["kind"] == "ClusterRole":
                manifest["roleRef"]["name"] += f"-{namespace}"
            kept.append(manifest)
        given = json.dumps({"kind": "List", "apiVersion": "v1", "items": kept})
        plane.kubectl("apply", "--namespace", namespace, "-f", "-", given=given)
    eventually(lambda: _may(plane, namespace, account), "the operator has its rights")
    return plane.account_kubeconfig(namespace, account, folder / "operator.kubeconfig")


def _may(plane: ControlPlane, namespace: str, account: str) -> bool:
    """Whether the API server's cache knows the binding already: that takes a moment."""
    wish = {"namespace": namespace, "group": "rotavatar.dev", "resource": "slacktenants", "verb": "watch"}
    review = {"spec": {"user": audit.username(namespace, account), "resourceAttributes": wish}}
    told = plane.api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(told["status"]["allowed"])


@asynccontextmanager
async def operating(
    plane: ControlPlane, valkey: Server, folder: Path, *, namespace: str, kubeconfig: Path, **settings: str
) -> AsyncIterator[Operator]:
    """An operator that is not started yet; it is stopped in the end, however the test ends."""
    async with Simulator() as simulator:
        operator = Operator(
            plane, valkey, simulator, folder, namespace=namespace, kubeconfig=kubeconfig, settings=settings
        )
        operator.redis = await Redis.connect(valkey.url, name="test")
        try:
            yield operator
        finally:
            if operator.process is not None and operator.process.returncode is None:
                operator.process.kill()
                await operator.process.wait()
            await operator.redis.close()
