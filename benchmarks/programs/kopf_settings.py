"""What both kopf operators have in common: chunked listing, no limits, everything else as kopf has it."""

from typing import Any, Final

import kopf

TENANTS: Final = ("rotavatar.dev", "v1alpha1", "slacktenants")


def registry() -> kopf.OperatorRegistry:
    """Handlers that log in, and none else."""
    chosen = kopf.OperatorRegistry()

    @kopf.on.login(registry=chosen)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**kwargs)

    return chosen


async def ending_with_us(chosen: kopf.OperatorRegistry) -> None:
    """Run until the process is ended."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.watching.initial_streaming = False
    settings.watching.chunk_size = 500
    await kopf.operator(registry=chosen, settings=settings, clusterwide=True, standalone=True)
