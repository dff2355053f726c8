"""The methods that this Slack knows: who may call them, with which scope, and what they do."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from slack_simulator.config import AppConfig
from slack_simulator.errors import SlackError
from slack_simulator.slack import Slack
from slack_simulator.state import Member
from slack_simulator.tokens import Caller
from slack_simulator.webapi.arguments import Arguments

Result = dict[str, Any]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated call."""

    slack: Slack
    app: AppConfig
    caller: Caller
    arguments: Arguments

    def text(self, name: str) -> str:
        """The argument `name` as text, '' if it was not given."""
        value = self.arguments.values.get(name)
        return "" if value is None else str(value)

    def own_member(self) -> Member:
        """The person for whom a user token acts. Raises SlackError."""
        member = self.slack.world.member(self.caller.team, self.caller.user)
        if member is None:
            raise SlackError("user_not_found")
        return member

    def member(self, user: str) -> Member:
        """The person `user` whom the caller can see. Raises SlackError("user_not_found")."""
        member = self.slack.world.member(self.caller.team, user)
        if member is None:
            raise SlackError("user_not_found")
        return member


Handler = Callable[[Call], Awaitable[Result]]


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call a method, and with which scope ('' for none)."""

    handler: Handler
    bot: bool = True
    user: bool = True
    scope: str = ""
