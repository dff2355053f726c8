"""What a member can do in the Home tab and by the slash command: the names that the publisher draws and ingress reads.

An action id is unique within its block only (https://docs.slack.dev/reference/block-kit/blocks/actions-block), so a
block holds each of these at most once. Block ids are the publisher's own and mean nothing to ingress.
"""

from enum import StrEnum
from typing import Final

from rotavatar.policy import DAY

COMMAND: Final = "/avatar"
"""The slash command. An app may name it otherwise: ingress takes every command that its URL is called with."""


class Action(StrEnum):
    """The `action_id` of every control."""

    FREQUENCY = "frequency"
    """static_select; an option's value is the seconds between changes (policy.FREQUENCIES), `0` is off."""
    PACK = "pack"
    """static_select; an option's value is the pack's key in the catalogue."""
    PAUSE = "pause"
    """button: change nothing until told otherwise."""
    PAUSE_UNTIL = "pause_until"
    """static_select; an option's value is the length of the pause in seconds (PAUSES)."""
    RESUME = "resume"
    """button: go on after a pause, an outside change, or a refusal by the organisation."""
    SHUFFLE = "shuffle"
    """button: another photo as soon as the pacing allows."""
    UNDO = "undo"
    """button: the photo before the last change."""
    RESTORE = "restore"
    """button: the member's own photo, and no more changes."""
    KEEP = "keep"
    """button: the photo that was set outside stays, as the member's own."""
    LEAVE = "leave"
    """button with a confirmation: own photo back, token revoked, preferences kept for the retention."""
    FORGET = "forget"
    """button with a confirmation: as LEAVE, and everything purged now."""
    REFRESH = "refresh"
    """button: draw this tab again."""
    CONNECT = "connect"
    """button with the URL of `/slack/install?team=…`; Slack sends a click although it opened the URL."""
    ABOUT = "about"
    """button with the URL of the landing page."""
    LINK = "link"
    """button with any other URL."""


LINKS: Final = frozenset({Action.CONNECT, Action.ABOUT, Action.LINK})
"""Buttons that open an address by themselves: the click is acknowledged and means no work."""

PAUSES: Final = (DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
"""What a member may choose in PAUSE_UNTIL, in seconds."""
