"""What the operator does to a workspace's record, as its tests and those of the rotator do it."""

from typing import Any

import msgspec.structs

from rotavatar.keys import Workspace
from rotavatar.policy import Policy
from rotavatar.records import under_policy
from rotavatar.store import Outcome, WorkspaceStore
from rotavatar.store.workspaces import Chore, ChoreKind


async def govern(store: WorkspaceStore, team: str, policy: Policy | None = None, *, now_ms: int, **values: Any) -> None:
    """Put the workspace under `policy`, set `values` of its record, and have members told: one commit."""
    workspace = Workspace(team)
    while True:
        before = await store.read(workspace)
        assert before is not None
        after = msgspec.structs.replace(before if policy is None else under_policy(before, policy), **values)
        chore = (Chore(ChoreKind.POLICY, workspace), now_ms)
        outcome = await store.commit(workspace, before, after, chore=chore, announce=False, now_ms=now_ms)
        if outcome is Outcome.OK:
            return
