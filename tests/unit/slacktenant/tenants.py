"""SlackTenants for tests of what decides."""

from typing import Any

from slacktenant_operator.model import SlackTenant, read_tenant


def tenant(
    name: str = "acme", *, spec: dict[str, Any] | None = None, status: Any = None, **metadata: Any
) -> SlackTenant:
    """A tenant as the API server sends it; `metadata` in camelCase."""
    return read_tenant(
        {
            "metadata": {
                "name": name,
                "namespace": "tenants",
                "uid": f"uid-of-{name}",
                "resourceVersion": "5",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                **metadata,
            },
            "spec": {"workspace": "T0ACME", **(spec or {})},
            "status": status or {},
        }
    )
