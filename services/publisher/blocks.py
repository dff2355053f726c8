"""Block Kit objects as plain dictionaries, in the few forms that the Home tab uses.

https://docs.slack.dev/reference/block-kit/. Limits are kept by what is written with these, and checked for every golden
view by the tests.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from rotavatar.actions import Action

Block = dict[str, Any]
Style = Literal["primary", "danger"]

DATE_FORMAT = "{date_short_pretty} at {time}"
"""Tokens that Slack fills in, in the reader's own zone (https://docs.slack.dev/messaging/formatting-message-text)."""


def moment(seconds: int) -> str:
    """A moment (epoch seconds) as mrkdwn: Slack writes it in the reader's zone, old clients show UTC."""
    fallback = datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")
    return f"<!date^{seconds}^{DATE_FORMAT}|{fallback}>"


def escaped(text: str) -> str:
    """`text` without meaning for mrkdwn: Slack escapes these three characters and no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> Block:
    """A plain_text object."""
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    """A mrkdwn object."""
    return {"type": "mrkdwn", "text": text}


def header(text: str) -> Block:
    """A heading of up to 150 characters."""
    return {"type": "header", "text": plain(text)}


def section(text: str, *, accessory: Block | None = None) -> Block:
    """A paragraph, with one element beside it."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return block if accessory is None else {**block, "accessory": accessory}


def picture(url: str, *, alt: str) -> Block:
    """A small picture beside a text, or a large one as a block of its own."""
    return {"type": "image", "image_url": url, "alt_text": alt}


def titled_picture(url: str, *, alt: str, title: str) -> Block:
    """A large picture with a line above it."""
    return {**picture(url, alt=alt), "title": plain(title)}


def context(*texts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def actions(elements: Sequence[Block]) -> Block:
    """A row of controls."""
    return {"type": "actions", "elements": [*elements]}


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def button(
    action: Action, text: str, *, style: Style | None = None, url: str | None = None, confirm: Block | None = None
) -> Block:
    """A button; with `url` Slack opens it in the browser."""
    element: Block = {"type": "button", "action_id": str(action), "text": plain(text)}
    extras = {"style": style, "url": url, "confirm": confirm}
    return element | {name: value for name, value in extras.items() if value is not None}


def confirmation(title: str, text: str, *, yes: str, no: str, style: Style = "danger") -> Block:
    """What Slack asks before it sends the click."""
    return {"title": plain(title), "text": mrkdwn(text), "confirm": plain(yes), "deny": plain(no), "style": style}


def select(action: Action, options: Sequence[tuple[str, str]], *, chosen: str | None, placeholder: str) -> Block:
    """A menu of (value, text); `chosen` is pre-filled where it is among them."""
    listed = [{"text": plain(text), "value": value} for value, text in options]
    element: Block = {
        "type": "static_select",
        "action_id": str(action),
        "options": listed,
        "placeholder": plain(placeholder),
    }
    initial = next((option for option in listed if option["value"] == chosen), None)
    return element if initial is None else {**element, "initial_option": initial}
