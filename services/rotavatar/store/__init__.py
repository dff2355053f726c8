"""The only modules that issue Redis commands, each about one subject."""

from rotavatar.store.jobs import Ack, JobStore
from rotavatar.store.leases import LeaseStore
from rotavatar.store.members import Claim, Commit, MemberStore, Outcome, Place
from rotavatar.store.publishing import PublishStore
from rotavatar.store.workspaces import WorkspaceStore

__all__ = [
    "Ack",
    "Claim",
    "Commit",
    "JobStore",
    "LeaseStore",
    "MemberStore",
    "Outcome",
    "Place",
    "PublishStore",
    "WorkspaceStore",
]
