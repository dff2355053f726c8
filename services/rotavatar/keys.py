"""Every Redis key of Rotavatar, built here and nowhere else.

A key of a workspace carries the hash tag of its partition, `{pNN}`, so that everything about one workspace sits on one
slot of a Redis Cluster and a script may touch all of it. `docs/data-model.md` says what each key holds.
"""

import zlib
from typing import NewType

PARTITIONS = 16
"""Recorded in Redis at the first start: a process with another number would look for every key elsewhere."""

Workspace = NewType("Workspace", str)
"""A team id, or the enterprise id of an org-wide install."""

User = NewType("User", str)
"""A Slack user id, which means something only together with its workspace."""

LAYOUT = "rv:{p00}:layout"
"""Hash that records the partition count."""

APPS = "rv:{p00}:apps"
"""Hash of further Slack apps: app id to sealed credentials."""

APP_SOURCES = "rv:{p00}:appsources"
"""Hash of further Slack apps: app id to where its credentials came from, which holds no secret."""

SWEPT = "rv:{p00}:swept"
"""String: how far the sweep of the photo store has come."""

OFFICE = "rv:{p00}:office"
"""String with expiry: the process that tells the facts which all of them share."""


def partition_of(workspace: Workspace) -> int:
    """The partition of a workspace: the same on every machine and for ever."""
    return zlib.crc32(workspace.encode()) % PARTITIONS


def tag(partition: int) -> str:
    """The prefix that all keys of a partition share."""
    return f"rv:{{p{partition:02d}}}:"


def schedule_jobs(partition: int) -> str:
    """Stream of what people and Slack asked for."""
    return tag(partition) + "jobs:schedule"


def publish_jobs(partition: int) -> str:
    """Stream of members whose Home tab wants a fresh look."""
    return tag(partition) + "jobs:publish"


def dead_letters(partition: int) -> str:
    """Stream of jobs that nobody could do, each with the reason."""
    return tag(partition) + "dead"


def workspaces(partition: int) -> str:
    """Set of the workspaces of a partition."""
    return tag(partition) + "workspaces"


def ready(partition: int) -> str:
    """Sorted set: workspace by the earliest time (ms) at which one of its members may rotate."""
    return tag(partition) + "ready"


def publish_ready(partition: int) -> str:
    """Sorted set: workspace by the earliest time (ms) at which one of its Home tabs may be published."""
    return tag(partition) + "pubready"


def chores(partition: int) -> str:
    """Sorted set: long work on a workspace (`kind:workspace`) by the time (ms) at which its next step is due."""
    return tag(partition) + "chores"


def changed(partition: int) -> str:
    """Sorted set: workspace that the operator has not looked at since it changed, by the number of the change."""
    return tag(partition) + "changed"


def change_counter(partition: int) -> str:
    """String: the number of the last change in the partition. It outlives the workspaces: no number is given twice."""
    return tag(partition) + "changes"


def _of(workspace: Workspace, kind: str) -> str:
    return f"{tag(partition_of(workspace))}{kind}:{workspace}"


def workspace(workspace: Workspace) -> str:
    """Hash: the workspace record."""
    return _of(workspace, "ws")


def members(workspace: Workspace) -> str:
    """Set of the members of a workspace."""
    return _of(workspace, "members")


def left(workspace: Workspace) -> str:
    """Set of the members who left and are kept for a return: they take no place."""
    return _of(workspace, "left")


def member(workspace: Workspace, user: User) -> str:
    """Hash: the member record."""
    return f"{tag(partition_of(workspace))}m:{workspace}:{user}"


def due(workspace: Workspace) -> str:
    """Sorted set: member by due time (ms)."""
    return _of(workspace, "due")


def flight(workspace: Workspace) -> str:
    """Sorted set: member whose rotation is under way by the end of its lease (ms)."""
    return _of(workspace, "flight")


def pace(workspace: Workspace) -> str:
    """Hash: the pacer of each method, and Slack's Retry-After."""
    return _of(workspace, "pace")


def worn(workspace: Workspace) -> str:
    """Bitmap: pictures of the catalogue that a member wears or will wear next."""
    return _of(workspace, "worn")


def wanted(workspace: Workspace) -> str:
    """Sorted set: member whose Home tab wants a publish, those who are looking first."""
    return _of(workspace, "want")


def publish_flight(workspace: Workspace) -> str:
    """Sorted set: member whose publish is under way by the end of its lease (ms)."""
    return _of(workspace, "pubflight")


def looking(workspace: Workspace) -> str:
    """Sorted set: member by the time (ms) until which they count as looking at their Home tab."""
    return _of(workspace, "looking")


def usage(workspace: Workspace) -> str:
    """Hash: how many rotations and publishes there were, this month and the last."""
    return _of(workspace, "use")


def person(enterprise: str, user: User) -> str:
    """String with expiry: the lease of a person whom we may meet in several workspaces of one Enterprise Grid."""
    return f"{tag(partition_of(Workspace(enterprise)))}person:{enterprise}:{user}"


def refresh(workspace: Workspace, subject: str) -> str:
    """String with expiry: the lease under which one credential is refreshed."""
    return f"{tag(partition_of(workspace))}refresh:{workspace}:{subject}"


def photos(workspace: Workspace, user: User) -> str:
    """String with expiry: the lease under which a member's photos are written or swept."""
    return f"{tag(partition_of(workspace))}photos:{workspace}:{user}"


def consent(nonce: str) -> str:
    """String with expiry: the OAuth state with this nonce was used."""
    return f"{tag(0)}consent:{nonce}"


def refresh_budget(partition: int) -> str:
    """String with expiry: what the partition has used of its share of the app's token refreshes."""
    return tag(partition) + "refreshes"
