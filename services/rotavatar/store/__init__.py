"""The only modules that issue Redis commands, each about one subject."""

from rotavatar.store.apps import AppStore
from rotavatar.store.backlog import BacklogStore
from rotavatar.store.census import CensusStore
from rotavatar.store.changes import ChangeStore
from rotavatar.store.consents import ConsentStore
from rotavatar.store.demand import Demand, DemandStore
from rotavatar.store.jobs import Ack, JobStore
from rotavatar.store.leases import LeaseStore
from rotavatar.store.members import Claim, Commit, MemberStore, Outcome, Place
from rotavatar.store.publishing import PublishStore
from rotavatar.store.server import ServerStore
from rotavatar.store.workspaces import WorkspaceStore

__all__ = [
    "Ack",
    "AppStore",
    "BacklogStore",
    "CensusStore",
    "ChangeStore",
    "Claim",
    "Commit",
    "ConsentStore",
    "Demand",
    "DemandStore",
    "JobStore",
    "LeaseStore",
    "MemberStore",
    "Outcome",
    "Place",
    "PublishStore",
    "ServerStore",
    "WorkspaceStore",
]
