"""What a kubelet makes of a pod: files, variables and a command, started here as a process; and its probes.

Only places are others than in a container: what is mounted lies in folders of the test, ports and addresses are those
of this machine. Everything else is as the API server holds it. What a pod refers to must be there, as a kubelet starts
no container without it.
"""

import asyncio
import base64
import json
import os
import re
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from control_plane import commands
from control_plane.api import Api
from tests.manifests import Object
from tests.patience import SECONDS
from tests.servers import free_port

DOCKERFILE: Final = Path(__file__).parents[2] / "Dockerfile"
SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
OWN_VARIABLES: Final = ("ROTAVATAR_", "KUBE")

PORTS: Final = ("ROTAVATAR_PORT", "ROTAVATAR_METRICS_PORT")
"""The variables that say on which of the container's ports a process listens."""


class Pod:
    """The first container of a pod, ready to be started."""

    def __init__(self, api: Api, pod: Object, folder: Path, *, addresses: Mapping[str, str]) -> None:
        """Resolve everything that `pod` refers to into files below `folder`. Raises ApiError where it is not there.

        `addresses` are texts of the pod's configuration, and what stands in their place on this machine.
        """
        self._api, self.pod, self.folder = api, pod, folder
        self._namespace = pod["metadata"]["namespace"]
        self.container = pod["spec"]["containers"][0]
        self.name: str = self.container["name"]
        self.ports = {each["containerPort"]: free_port() for each in self.container.get("ports", [])}
        self._addresses = dict(addresses)
        self.used: set[str] = set()
        self.places = {mount["mountPath"]: self._volume(mount["name"]) for mount in self.container["volumeMounts"]}
        self.told = dict(self._variables())
        self.process: Process | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, by which Services find it."""
        found: dict[str, str] = self.pod["metadata"]["labels"]
        return found

    @property
    def log(self) -> str:
        """What the process has said."""
        return (self.folder / "log").read_text(errors="replace")

    def at(self, addresses: Mapping[str, str]) -> None:
        """Further addresses, such as those of pods that were not known before."""
        self._addresses |= addresses

    def environment(self) -> dict[str, str]:
        """The variables that the process gets: all that the pod says, and of this machine what is not ours."""
        own = {name: self._local(value) for name, value in self.told.items()}
        for name in PORTS:
            if int(own.get(name, "0")) in self.ports:
                own[name] = str(self.ports[int(own[name])])
        if SERVICE_ACCOUNT in self.places:
            own["KUBECONFIG"] = str(self._kubeconfig())
        return {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)} | own

    def command(self) -> list[str]:
        """What runs: the pod's command, or else the image's, with the pod's arguments."""
        words = self.container.get("command") or entrypoint(self.container["image"])
        found = [self._local(word) for word in (*words, *self.container.get("args", []))]
        return [sys.executable if word == "python" else word for word in found]

    async def start(self) -> None:
        """Start the process. It is not ready yet."""
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command(), env=self.environment(), stdout=log, stderr=log
            )

    async def passes(self, probe: str) -> None:
        """Call a declared probe as a kubelet does, until it succeeds or has failed as often as it may.

        One of readiness may fail for longer: nobody is killed for it. Raises AssertionError where it fails or the
        process ends, with what that said.
        """
        declared = self.container[probe]
        url = f"http://127.0.0.1:{self.port(declared['httpGet']['port'])}{declared['httpGet']['path']}"
        times = declared["failureThreshold"] if probe != "readinessProbe" else int(SECONDS / declared["periodSeconds"])
        for _ in range(times):
            assert self.process is not None
            assert self.process.returncode is None, f"{self.name} ended:\n{self.log[-4000:]}"
            if await _answers(url, seconds=declared["timeoutSeconds"]):
                return
            await asyncio.sleep(declared["periodSeconds"])
        raise AssertionError(f"{probe} of {self.name} failed:\n{self.log[-4000:]}")

    async def stop(self) -> int:
        """As a kubelet ends a container; the exit code. Raises TimeoutError when its grace is over."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), self.pod["spec"]["terminationGracePeriodSeconds"])

    def port(self, name: str) -> int:
        """On this machine, of a named port; the process must have been told to listen there."""
        (declared,) = [each["containerPort"] for each in self.container["ports"] if each["name"] == name]
        assert str(declared) in {self.told.get(variable) for variable in PORTS}, f"nobody listens on {name}"
        return self.ports[declared]

    def _local(self, text: str) -> str:
        """`text` with the places and addresses of this machine."""
        texts = {path: str(folder) for path, folder in self.places.items()} | self._addresses
        # A path begins where it stands: /probe/probe.py lies in /probe.
        parts = (rf"(?<!\w){re.escape(each)}" for each in sorted(texts, key=len, reverse=True))
        pattern = "|".join(parts)
        self.used |= set(re.findall(pattern, text))
        return re.sub(pattern, lambda found: texts[found[0]], text)

    def _variables(self) -> Iterator[tuple[str, str]]:
        """Later ones replace earlier ones, as in a container."""
        for source in self.container.get("envFrom", []):
            ((kind, reference),) = ((kind, source[kind]) for kind in ("configMapRef", "secretRef") if kind in source)
            yield from self._content("secrets" if kind == "secretRef" else "configmaps", reference["name"]).items()
        for variable in self.container.get("env", []):
            yield variable["name"], variable["value"]

    def _volume(self, name: str) -> Path:
        """The folder of a volume, with its files."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        (volume,) = [each for each in self.pod["spec"]["volumes"] if each["name"] == name]
        for source in volume.get("projected", {}).get("sources", [volume]):
            for path, content in self._files(source):
                (folder / path).write_text(content)
        return folder

    def _files(self, source: Object) -> Iterable[tuple[str, str]]:
        if "secret" in source:
            return _items(source["secret"], self._content("secrets", source["secret"]["name"]))
        if "configMap" in source:
            return _items(source["configMap"], self._content("configmaps", source["configMap"]["name"]))
        if "serviceAccountToken" in source:
            return [(source["serviceAccountToken"]["path"], self._token())]
        if "downwardAPI" in source:
            return [
                (each["path"], self._field(each["fieldRef"]["fieldPath"])) for each in source["downwardAPI"]["items"]
            ]
        assert "emptyDir" in source, f"a volume of a kind that these tests do not know: {source}"
        return []

    def _content(self, resource: str, name: str) -> dict[str, str]:
        data = self._api.get(f"/api/v1/namespaces/{self._namespace}/{resource}/{name}")["data"]
        if resource == "configmaps":
            return dict(data)
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def _field(self, path: str) -> str:
        assert path == "metadata.namespace", path
        return str(self._namespace)

    def _token(self) -> str:
        """Of the pod's service account, for this pod, as a kubelet asks for it."""
        spec = self.pod["spec"]
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{spec['serviceAccountName']}/token"
        metadata = self.pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        asked = {"audiences": [commands.ISSUER], "expirationSeconds": 3607, "boundObjectRef": bound}
        return str(self._api.post(path, {"spec": asked})["status"]["token"])

    def _kubeconfig(self) -> Path:
        """The service account as a file for KUBECONFIG: the place of the mounted one is fixed, and not ours here."""
        folder = self.places[SERVICE_ACCOUNT]
        cluster = {
            "server": self._addresses["https://kubernetes.default.svc"],
            "certificate-authority": str(folder / "ca.crt"),
        }
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "pod", "cluster": cluster}],
            "users": [{"name": "pod", "user": {"token": (folder / "token").read_text()}}],
            "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod"}}],
            "current-context": "pod",
        }
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(told))
        return path


def entrypoint(image: str) -> list[str]:
    """What the Dockerfile says that an image of ours runs."""
    target = re.fullmatch(r".*/rotavatar-([a-z-]+):[^/]+", image)
    assert target is not None, image
    stage = DOCKERFILE.read_text().partition(f"FROM runtime AS {target[1]}\n")[2].partition("\nFROM ")[0]
    found = re.search(r"^ENTRYPOINT (\[.*\])$", stage, re.MULTILINE)
    assert found is not None, f"the Dockerfile has no {target[1]}"
    return list(json.loads(found[1]))


def service_addresses(services: Iterable[Object], pods: Iterable[Pod]) -> dict[str, str]:
    """Where one of `pods` answers to name and port of each Service, on this machine."""
    found = {}
    for service in services:
        behind = [pod for pod in pods if service["spec"]["selector"].items() <= pod.labels.items()]
        for port in service["spec"]["ports"]:
            for pod in behind:
                local = pod.port(port["targetPort"])
                found[f"{service['metadata']['name']}:{port['port']}"] = f"127.0.0.1:{local}"
    return found


def _items(reference: Mapping[str, Any], content: Mapping[str, str]) -> list[tuple[str, str]]:
    if "items" in reference:
        return [(item["path"], content[item["key"]]) for item in reference["items"]]
    return list(content.items())


async def _answers(url: str, *, seconds: float) -> bool:
    async with httpx.AsyncClient(timeout=seconds, trust_env=False) as kubelet:
        try:
            return httpx.codes.is_success((await kubelet.get(url)).status_code)
        except httpx.TransportError:
            return False
