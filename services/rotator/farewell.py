"""What remains to do when members leave and workspaces go: revoke, forget, and plan the rest."""

from typing import Final

import structlog

from rotavatar.clock import Clock
from rotavatar.errors import CredentialDead, SlackBusy, SlackError
from rotavatar.keys import User, Workspace
from rotavatar.photo_store import PhotoStore
from rotavatar.slack import SlackClient
from rotavatar.store import WorkspaceStore
from rotavatar.store.workspaces import Chore, ChoreKind

log = structlog.get_logger()

EMPTY_GRACE_SECONDS: Final = 3600
"""The last member may think again, or be replaced by the next one, before the workspace is given up."""

DAY: Final = 86_400


class Farewell:
    """Everything that leaving takes, besides the record itself."""

    def __init__(
        self, *, clock: Clock, slack: SlackClient, workspaces: WorkspaceStore, photos: PhotoStore, retention_days: int
    ) -> None:
        """`retention_days` is how long choices and photos wait for a return."""
        self._clock = clock
        self._slack = slack
        self._workspaces = workspaces
        self._photos = photos
        self.retention_ms = retention_days * DAY * 1000

    async def forget(self, workspace: Workspace, user: User) -> None:
        """Delete the member's photos. May be repeated."""
        while not await self._photos.delete_member(workspace, user):
            log.info("photos of a member deleted", workspace=workspace, user=user)

    async def revoke(self, workspace: Workspace, token: str) -> None:
        """Destroy a token at Slack. One that is dead already is no error; raises SlackBusy while Slack is away."""
        try:
            await self._slack.auth_revoke(token)
        except CredentialDead:
            return
        except SlackError as error:
            if isinstance(error, SlackBusy):
                raise
            log.warning("token not revoked", workspace=workspace, code=error.code)

    async def plan(self, workspace: Workspace, *, now_ms: int) -> None:
        """Before somebody is let go: forget them when the retention ends, and look soon whether anybody is left.

        Before, because a process that dies after it would leave nobody who ever looks again.
        """
        await self._workspaces.plan(
            Chore(ChoreKind.RETENTION, workspace), at_ms=now_ms + self.retention_ms, sooner=True
        )
        await self._workspaces.plan(Chore(ChoreKind.EMPTY, workspace), at_ms=now_ms + EMPTY_GRACE_SECONDS * 1000)
