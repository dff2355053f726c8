"""What can go wrong with the control plane. Each message says what to do.

ControlPlaneError
├── ToolMissing     a program is not there, and cannot be built here
├── BuildFailed     Go could not build it; the message ends with what Go said
├── StartFailed     a process did not come up; the message ends with the last lines of its log
└── ApiError        the API server refused a request
"""


class ControlPlaneError(Exception):
    """Base of every error of the local control plane."""


class ToolMissing(ControlPlaneError):
    """A program that the control plane needs is not on this machine."""


class BuildFailed(ControlPlaneError):
    """Go ended with an error."""


class StartFailed(ControlPlaneError):
    """A process ended before it was ready, or was not ready in time."""


class ApiError(ControlPlaneError):
    """The API server answered a request with an error, in the form of a `metav1.Status`."""

    def __init__(self, *, status: int, reason: str, message: str) -> None:
        """`reason` is Kubernetes' own word (Forbidden, NotFound, Conflict, Invalid, …); empty where it gave none."""
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
