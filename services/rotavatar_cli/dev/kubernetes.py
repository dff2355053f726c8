"""Kubernetes in `rotavatar dev --kubernetes`: what the operator needs there, and examples for people to apply.

The only module of the command line that imports the local control plane: it is a tool of the checkout, so this one is
imported where it was asked for.
"""

import asyncio
import os
import re
import shlex
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from control_plane import background
from control_plane.credentials import write_kubeconfig
from control_plane.errors import ControlPlaneError
from control_plane.locating import find, missing
from control_plane.pins import CONTROL_PLANE
from control_plane.toolchain import CHECKOUT
from rotavatar_cli.dev import programs
from rotavatar_cli.dev.folder import Folder, write_private
from rotavatar_cli.dev.keeper import how_it_ended, run_once
from rotavatar_cli.dev.probing import request
from rotavatar_cli.dev.screen import Screen
from rotavatar_cli.errors import CommandError

MANIFESTS: Final = CHECKOUT / "k8s" / "overlays" / "cluster"
NAMESPACE, ACCOUNT = "rotavatar", "rotavatar-operator"
"""The account of k8s/base."""

ACCESS_LIFE: Final = "2160h"
"""The operator gets another token at each start, and nothing here runs for ninety days."""

POLL_SECONDS: Final = 0.2
RIGHTS_SECONDS: Final = 30.0
"""The API server's caches know what was applied within a second."""

EXAMPLE: Final = """\
# {name}, a workspace of the simulated Slack, with the bot token that Slack shows in the settings of an app (OAuth &
# Permissions) once it was installed there. Made by `rotavatar dev --kubernetes`, once: it is yours to change.
apiVersion: v1
kind: Secret
metadata:
  name: {slug}-slack
  namespace: {namespace}
  labels:
    rotavatar.dev/credential: "true" # a change of the Secret is noticed at once
stringData:
  token: {token}
---
apiVersion: rotavatar.dev/v1alpha1
kind: SlackTenant
metadata:
  name: {slug}
  namespace: {namespace}
spec:
  workspace: {team}
  botToken:
    name: {slug}-slack
"""


class Kubernetes:
    """The control plane of a folder, whoever started it, and the operator's access to it."""

    def __init__(self, folder: Folder, screen: Screen) -> None:
        """Nothing is done before a method is called."""
        self._folder = folder
        self._screen = screen
        self._known: background.Running | None = None
        self._joined = self._missed = False
        self.operator_kubeconfig = folder.kubernetes / "operator.kubeconfig"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, for people."""
        return self._folder.cluster / "kubeconfig"

    def present(self) -> background.Running | None:
        """What runs now, once it is ready."""
        return background.state(self._folder.cluster)

    async def build(self) -> None:
        """Build what is missing of its programs. Raises CommandError, with what was said when that fails."""
        try:
            if not missing(CONTROL_PLANE):
                return
        except ControlPlaneError as error:
            raise CommandError(str(error)) from None
        self._screen.say("building the local Kubernetes, once for all checkouts; Ctrl-C and a new start go on with it")
        running: list[asyncio.subprocess.Process] = []
        try:
            code = await run_once(programs.building_control_plane(), self._line, started=running.append)
        except asyncio.CancelledError:
            for process in running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            raise
        if code:
            raise CommandError(
                f"building the local Kubernetes {how_it_ended(code)}: see above, or `make control-plane`."
            )

    async def joined(self) -> bool:
        """Whether one runs here that somebody else started; one that just starts or ends is waited for."""
        found = await asyncio.to_thread(background.settled, self._folder.cluster, self._line)
        if found is not None:
            self._screen.say("joining the Kubernetes that runs here already", url=found.url)
            self._joined = True
        return found is not None

    async def attach(self) -> None:
        """Apply definition and rights, and write the operator's kubeconfig. Raises CommandError."""
        present = self.present()
        if present is None:
            raise CommandError("Kubernetes has ended: `make cluster` shows why.")
        await self._kubectl("apply", "--kustomize", str(MANIFESTS))
        await self._kubectl("wait", "--for=condition=Established", "crd/slacktenants.rotavatar.dev", "--timeout=60s")
        await self._until_it_may()
        if self._folder.stale_tenants.exists():
            await self._forget()
        token = await self._kubectl("create", "token", ACCOUNT, "--namespace", NAMESPACE, f"--duration={ACCESS_LIFE}")
        self._folder.kubernetes.mkdir(mode=0o700, exist_ok=True)
        write_kubeconfig(
            self.operator_kubeconfig,
            url=present.url,
            ca=self._folder.cluster / "certificates" / "apiserver.crt",
            user=f"{NAMESPACE}-{ACCOUNT}",
            token=token.strip(),
            namespace=programs.INSTALL_NAMESPACE,
        )
        self._known = present

    async def followed(self) -> bool:
        """Whether another API server took the place of the one that the operator knew; its access leads there now."""
        present = self.present()
        if present is None and self._joined and not self._missed:
            self._screen.say("Kubernetes has ended: `make cluster` starts it again", level="warning")
        self._missed = present is None
        if present in (None, self._known):
            return False
        try:
            await self.attach()
        except CommandError as error:  # it went away again: the next look finds out
            self._screen.say("Kubernetes started again, and is not usable yet", level="warning", reason=str(error))
            return False
        self._screen.say("Kubernetes was started again: the operator is attached to it")
        return True

    async def write_examples(self, page: str) -> None:
        """Write a SlackTenant and its Secret for each team of the simulated Slack that has no app yet, to be applied.

        For that the app is installed there from its settings, as one does at Slack. Raises OSError, ValueError.
        """
        _, told = await request(f"{page}/ui/api/state")
        for workspace in msgspec.json.decode(told, type=dict[str, Any])["workspaces"]:
            path = self._folder.kubernetes / f"{_slug(workspace['name'])}.yaml"
            if workspace["kind"] == "team" and not workspace["installed"] and not path.exists():
                write_private(path, (await _example(page, workspace)).encode())

    def advice(self) -> list[str]:
        """Lines that people may copy."""
        present = self.present()
        if present is None:
            return []
        examples = sorted(self._folder.kubernetes.glob("*.yaml"))
        tried = examples[0] if examples else CHECKOUT / "k8s" / "examples" / "minimal.yaml"
        return [
            f"Kubernetes {present.version} with the operator attached; in another terminal:",
            *background.exports(present),
            f"  kubectl apply --filename {shlex.quote(os.path.relpath(tried))}",
            "  kubectl get sltn --all-namespaces",
        ]

    async def _until_it_may(self) -> None:
        """Wait until the API server's caches know what was applied just now."""
        user = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
        wish = ("auth", "can-i", "create", "secrets", "--namespace", programs.INSTALL_NAMESPACE, "--as", user)
        try:
            async with asyncio.timeout(RIGHTS_SECONDS):
                while "yes" not in await self._kubectl(*wish, check=False):  # noqa: ASYNC110 - caches of another process
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise CommandError(f"{user} has no rights {RIGHTS_SECONDS:g} s after {MANIFESTS} was applied.") from None

    async def _forget(self) -> None:
        """Delete tenants of workspaces that were reset: the operator lets them go, as Redis knows nothing of them."""
        await self._kubectl("delete", "slacktenants", "--all", "--all-namespaces", "--wait=false")
        label = ("--selector", "rotavatar.dev/credential=true")
        await self._kubectl("delete", "secrets", "--all-namespaces", *label)
        self._folder.stale_tenants.unlink()

    async def _kubectl(self, *words: str, check: bool = True) -> str:
        process = await asyncio.create_subprocess_exec(
            str(find("kubectl")),
            "--kubeconfig",
            str(self.kubeconfig),
            "--cache-dir",
            str(self._folder.cluster / "kubectl"),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            told, complaints = await process.communicate()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if check and process.returncode:
            raise CommandError(f"kubectl {' '.join(words)}: {complaints.decode(errors='replace').strip()}")
        return told.decode()

    def _line(self, line: str) -> None:
        self._screen.line("kubernetes", line)


async def _example(page: str, workspace: dict[str, Any]) -> str:
    asked = {"team": workspace["id"], "user": workspace["members"][0]["id"]}
    _, told = await request(f"{page}/ui/api/install", method="POST", body=msgspec.json.encode(asked))
    return EXAMPLE.format(
        name=workspace["name"],
        slug=_slug(workspace["name"]),
        namespace=programs.INSTALL_NAMESPACE,
        team=workspace["id"],
        token=msgspec.json.decode(told, type=dict[str, Any])["bot_token"],
    )


def _slug(name: str) -> str:
    """A name that Kubernetes takes (RFC 1123)."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "workspace"
