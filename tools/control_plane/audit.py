"""Reads the audit log of an API server: who did what, and by which role they were allowed to.

https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ describes its lines.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec


class User(msgspec.Struct, frozen=True):
    """Who asked."""

    username: str = ""
    groups: tuple[str, ...] = ()


class ObjectReference(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked for; all of it is empty for a path such as /readyz."""

    resource: str = ""
    subresource: str = ""
    api_group: str = ""
    namespace: str = ""
    name: str = ""


class ResponseStatus(msgspec.Struct, frozen=True):
    """What the answer was."""

    code: int = 0


class Event(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One request that was answered; a watch has a second event when it ends."""

    stage: str
    verb: str
    user: User
    path: str = msgspec.field(default="", name="requestURI")
    object_ref: ObjectReference = ObjectReference()
    response_status: ResponseStatus = ResponseStatus()
    user_agent: str = ""
    stage_timestamp: str = ""
    """When it came to this stage: RFC 3339, to the microsecond."""
    annotations: dict[str, str] = {}

    @property
    def reason(self) -> str:
        """Why it was allowed: `RBAC: allowed by RoleBinding "x/y" of Role "y" to ServiceAccount "z/x"`."""
        return self.annotations.get("authorization.k8s.io/reason", "")


class Use(msgspec.Struct, frozen=True, order=True):
    """A permission that somebody made use of, as a rule of a role has it; a subresource as in `pods/status`."""

    api_group: str
    resource: str
    verb: str


def events(log: Path, *, offset: int = 0) -> Iterator[Event]:
    """The events of an audit log from byte `offset` on, oldest first.

    Left out are a line that is being written, and the one that an API server was writing when it was killed.
    """
    if not log.exists():
        return
    with log.open("rb") as file:
        file.seek(offset)
        yield from decoded(file)


def decoded(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events of these lines, those left out that are not whole."""
    for line in lines:
        if (event := _event(line)) is not None:
            yield event


def username(namespace: str, account: str) -> str:
    """The name of a service account in audit logs and bindings."""
    return f"system:serviceaccount:{namespace}:{account}"


def uses(seen: Iterable[Event], user: str) -> set[Use]:
    """The permissions by which `user` was let through, whatever became of the request afterwards."""
    return {_use(event) for event in seen if event.user.username == user and event.object_ref.resource and _let(event)}


def refusals(seen: Iterable[Event], user: str) -> set[Use]:
    """The permissions that `user` would have needed and did not have."""
    return {
        _use(event) for event in seen if event.user.username == user and event.object_ref.resource and not _let(event)
    }


def _event(line: bytes) -> Event | None:
    try:
        return msgspec.json.decode(line, type=Event)
    except msgspec.ValidationError:
        raise  # whole, and not what we know: Kubernetes has changed
    except msgspec.DecodeError:
        return None


def _let(event: Event) -> bool:
    return event.annotations.get("authorization.k8s.io/decision") == "allow"


def _use(event: Event) -> Use:
    at = event.object_ref
    resource = f"{at.resource}/{at.subresource}" if at.subresource else at.resource
    return Use(at.api_group, resource, event.verb)
