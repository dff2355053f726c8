"""Which programs there are, and which pinned Go module each is built from.

A family is a folder below tools/go with a go.mod and a go.sum of its own: the versions are written there and nowhere
else. `go build` in that folder with Go's read-only module mode builds exactly what go.sum has the hashes of.
"""

import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from control_plane.errors import ToolMissing

GO_MODULES: Final = Path(__file__).parents[1] / "go"

KUBERNETES_VERSION: Final = "k8s.io/component-base/version"
"""Without these variables the server calls itself v0.0.0, and charts with `kubeVersion` refuse it."""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Programs that one Go module holds."""

    name: str
    module: str
    programs: dict[str, str]
    """Main package by the program's name."""
    variables: tuple[str, ...] = ()
    """Values that the linker sets, as `package.name=value`.

    {version}, {major} and {minor} are the module's; {kubernetes} is the minor version of the Kubernetes client it uses.
    """
    files: tuple[str, ...] = ()
    """Further files of the module that its programs need, as paths in it; they are put beside them."""

    @property
    def folder(self) -> Path:
        """Where its go.mod lies."""
        return GO_MODULES / self.name

    @property
    def version(self) -> str:
        """The pinned version, such as v1.36.3. Raises ToolMissing outside a checkout."""
        return self._written(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)")

    @property
    def needs_go(self) -> tuple[int, ...]:
        """The oldest Go that its go.mod allows."""
        return tuple(map(int, self._written(r"^go ([\d.]+)$").split(".")))

    @property
    def linker_flags(self) -> str:
        """The value of `-ldflags`: no symbol table, and the variables."""
        major, minor = self.version.removeprefix("v").split(".")[:2]
        client = self._written(r"^\s*k8s\.io/client-go v0\.(\d+)") if "{kubernetes}" in "".join(self.variables) else ""
        told = (
            each.format(version=self.version, major=major, minor=minor, kubernetes=client) for each in self.variables
        )
        return " ".join(["-s -w", *(f"-X {each}" for each in told)])

    @property
    def digest(self) -> str:
        """Changes with every pin and with every word of the recipe."""
        recipe = repr((sorted(self.programs.items()), self.linker_flags, self.files)).encode()
        parts = ((self.folder / "go.mod").read_bytes(), (self.folder / "go.sum").read_bytes(), recipe)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]

    def _written(self, pattern: str) -> str:
        try:
            found = re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE)
        except FileNotFoundError:
            raise ToolMissing(
                f"There is no {self.folder / 'go.mod'}: the control plane is built in a checkout of Rotavatar only."
            ) from None
        if found is None:
            raise ToolMissing(f"{self.folder / 'go.mod'} does not name what {pattern!r} looks for: repair it.")
        return found[1]


KUBERNETES: Final = Family(
    name="kubernetes",
    module="k8s.io/kubernetes",
    programs={
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    },
    variables=(
        f"{KUBERNETES_VERSION}.gitVersion={{version}}",
        f"{KUBERNETES_VERSION}.gitMajor={{major}}",
        f"{KUBERNETES_VERSION}.gitMinor={{minor}}",
    ),
)

ETCD: Final = Family(name="etcd", module="go.etcd.io/etcd/server/v3", programs={"etcd": "go.etcd.io/etcd/server/v3"})

HELM: Final = Family(
    name="helm",
    module="helm.sh/helm/v4",
    programs={"helm": "helm.sh/helm/v4/cmd/helm"},
    variables=("helm.sh/helm/v4/internal/version.version={version}",),
)

HELM3: Final = Family(
    name="helm3",
    module="helm.sh/helm/v3",
    programs={"helm3": "helm.sh/helm/v3/cmd/helm"},
    # Without them its `template` and `lint` believe in Kubernetes 1.20.
    variables=(
        "helm.sh/helm/v3/internal/version.version={version}",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={kubernetes}",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor={kubernetes}",
    ),
)

KWOK: Final = Family(
    name="kwok",
    module="sigs.k8s.io/kwok",
    programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    files=(
        "kustomize/stage/node/fast/node-initialize.yaml",
        "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        "kustomize/stage/pod/fast/pod-ready.yaml",
        "kustomize/stage/pod/fast/pod-complete.yaml",
        "kustomize/stage/pod/fast/pod-delete.yaml",
    ),
)

PROMETHEUS: Final = Family(
    name="prometheus",
    module="github.com/prometheus/prometheus",
    programs={name: f"github.com/prometheus/prometheus/cmd/{name}" for name in ("prometheus", "promtool")},
    variables=("github.com/prometheus/common/version.Version={version}",),
)

FAMILIES: Final = (ETCD, KUBERNETES, HELM, HELM3, KWOK, PROMETHEUS)

CONTROL_PLANE: Final = ("etcd", *KUBERNETES.programs)
"""What a control plane and its person need."""

TESTED: Final = (*CONTROL_PLANE, "kwok")
"""What the tests need: nodes besides."""


def family_of(program: str) -> Family:
    """The family that holds `program`. Raises ToolMissing, with all names, when none does."""
    for family in FAMILIES:
        if program in family.programs:
            return family
    known = ", ".join(name for family in FAMILIES for name in family.programs)
    raise ToolMissing(f"There is no program {program}: there are {known}.")
