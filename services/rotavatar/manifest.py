"""The manifest of the Slack app, to paste into Slack: scopes, addresses and events that cannot differ from the code.

    python -m rotavatar.manifest https://rotavatar.example.com [--name NAME] [--app-id A0123] [--rotate-tokens]

https://docs.slack.dev/reference/app-manifest
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rotavatar import scopes
from rotavatar.actions import COMMAND
from rotavatar.configuration import Given, origin

EVENTS: Final = (
    "app_home_opened",
    "app_uninstalled",
    "grid_migration_finished",
    "grid_migration_started",
    "team_access_granted",
    "team_access_revoked",
    "tokens_revoked",
    "user_profile_changed",
)
"""What ingress makes jobs of (a test compares them)."""

MAX_NAME: Final = 35
"""Characters that Slack allows for an app's name."""

DESCRIPTION: Final = "Changes your profile photo on the schedule you choose, and gives your own back at any time."
LONG_DESCRIPTION: Final = (
    "Rotavatar changes your Slack profile photo as often as you like: every hour, every day, once a week. Choose from "
    "thousands of drawn avatars in families such as critters, planets or patchwork, shuffle when you feel like it, "
    "pause for an important week, undo the last change, or put your own photo back. Everybody connects for themselves: "
    "nobody's photo changes without their permission."
)


def manifest(
    public_url: str, *, name: str = "Rotavatar", app_id: str = "", rotate_tokens: bool = False
) -> dict[str, Any]:
    """The manifest of an app served at `public_url`.

    `app_id` names one of several apps of an installation; the first one, which the settings describe, has none.
    """
    base = f"{public_url}/slack" + (f"/apps/{app_id}" if app_id else "")
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": DESCRIPTION,
            "long_description": LONG_DESCRIPTION,
            "background_color": "#5b3df5",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,  # where the one message of rotator.notice arrives
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "How your avatar stands, and quick changes",
                    "usage_hint": "status | shuffle | pause 3d | resume | help",
                    "url": f"{base}/commands",
                    "should_escape": False,
                }
            ],
        },
        "oauth_config": {
            "redirect_urls": [f"{base}/oauth_redirect"],
            "scopes": {
                "bot": list(scopes.BOT),
                "user": list(scopes.USER),
                "bot_optional": sorted(scopes.OPTIONAL),
            },
        },
        "settings": {
            "event_subscriptions": {"request_url": f"{base}/events", "bot_events": list(EVENTS)},
            "interactivity": {
                "is_enabled": True,
                "request_url": f"{base}/interactions",
                "message_menu_options_url": f"{base}/options",
            },
            "org_deploy_enabled": True,
            "socket_mode_enabled": False,
            "token_rotation_enabled": rotate_tokens,
        },
    }


def main(argv: Sequence[str]) -> int:
    """Print the manifest; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rotavatar.manifest", description="The Slack app manifest, as JSON."
    )
    parser.add_argument("public_url", type=_origin, help="where Slack and browsers reach ingress_api, https://…")
    parser.add_argument("--name", default="Rotavatar", type=_name, help="the app's name in Slack (Rotavatar)")
    parser.add_argument("--app-id", default="", help="for a further app of one installation, its id")
    parser.add_argument("--rotate-tokens", action="store_true", help="tokens that expire; cannot be turned off again")
    given = parser.parse_args(argv)
    made = manifest(given.public_url, name=given.name, app_id=given.app_id, rotate_tokens=given.rotate_tokens)
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return 0


def _origin(text: str) -> str:
    try:
        return origin(Given(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    if not 1 <= len(text) <= MAX_NAME:
        raise argparse.ArgumentTypeError(f"must have 1 to {MAX_NAME} characters")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
