"""What Rotavatar asks of Slack, and why: for the consent, the landing page and the app manifest alike.

Adding one later means asking everybody again. https://docs.slack.dev/reference/scopes
"""

from collections.abc import Mapping
from typing import Final

BOT: Final[Mapping[str, str]] = {
    "commands": "Offers /avatar, and lets Rotavatar have a Home tab.",
    "users:read": "Reads time zones, so that quiet hours are everybody's own, and notices a photo changed elsewhere.",
    "chat:write": "Sends one message when a connection breaks and only you can mend it. Optional.",
}
"""Bot scopes and why each is wanted."""

USER: Final[Mapping[str, str]] = {
    "users.profile:read": "Looks at your photo before each change, so that one of your own is never overwritten.",
    "users.profile:write": "Changes your photo, and puts your own back.",
}
"""User scopes and why each is wanted."""

OPTIONAL: Final = frozenset({"chat:write"})
"""Those that a person may refuse without losing anything but a message."""

NEEDED: Final = frozenset(USER)
"""Without both of these nobody's photo can be changed."""
