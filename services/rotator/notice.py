"""The one message that a member gets: their connection broke, and only they can mend it."""

from typing import Final

import structlog

from rotavatar.errors import SlackError, VaultError
from rotavatar.records import Snapshot
from rotavatar.slack import SlackClient
from rotavatar.tokens import Tokens

log = structlog.get_logger()

SCOPE: Final = "chat:write"
"""Optional: whoever installed the app may have refused it, and then the Home tab alone says what happened."""

TEXT: Final = (
    "Slack no longer lets me change your photo. Everything else is kept: open my Home tab and press *Connect again*. "
    "This is the only message about it."
)


class Notice:
    """Sends the message, at most once for each time that a connection breaks."""

    def __init__(self, *, slack: SlackClient, tokens: Tokens) -> None:
        """Send it as the workspace's bot."""
        self._slack = slack
        self._tokens = tokens

    async def connection_broke(self, seen: Snapshot) -> None:
        """Tell the member. Called after the break was recorded, so a process that dies here says nothing at all."""
        try:
            if SCOPE not in self._tokens.bot_scopes(seen.workspace, seen.record):
                return
            token = await self._tokens.of_bot(seen.workspace, seen.record)
            await self._slack.chat_post_message(token, channel=seen.user, text=TEXT)
        except (SlackError, VaultError) as error:
            log.warning("member not told", workspace=seen.workspace, user=seen.user, reason=str(error))
