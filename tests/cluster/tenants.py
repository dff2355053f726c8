"""SlackTenants on a real API server: their definition, and how they are made and refused there."""

from copy import deepcopy
from typing import Any

from control_plane.api import Api
from control_plane.errors import ApiError
from control_plane.plane import ControlPlane
from slacktenant_operator import crd, model
from tests.dev import eventually
from tests.manifests import objects

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TOO_MANY_REQUESTS = 429

Spec = dict[str, Any]


def install_definition(plane: ControlPlane) -> None:
    """Let a control plane know SlackTenants, by the file that we ship."""
    (definition,) = objects("crd/slacktenants.rotavatar.dev.yaml")
    assert definition == crd.definition()
    plane.api.post(DEFINITIONS, definition)
    eventually(lambda: is_served(plane.api, collection("default")), "SlackTenants are served")


def is_served(api: Api, path: str) -> bool:
    """Whether the API server took a definition up: it says so a moment before it has its storage ready (429)."""
    try:
        return api.exists(path)
    except ApiError as error:
        if error.status == TOO_MANY_REQUESTS:
            return False
        raise


def collection(namespace: str) -> str:
    """Path of the SlackTenants of a namespace."""
    return f"/apis/{model.API_VERSION}/namespaces/{namespace}/{model.PLURAL}"


def tenant(name: str, spec: Spec, **metadata: Any) -> dict[str, Any]:
    """A SlackTenant to post."""
    return {
        "apiVersion": model.API_VERSION,
        "kind": model.KIND,
        "metadata": {"name": name, **metadata},
        "spec": deepcopy(spec),
    }
