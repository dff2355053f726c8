"""Calls a minute of each method that this Slack knows: https://docs.slack.dev/apis/web-api/rate-limits."""

from slack_simulator.config import SPECIAL, TIER_1, TIER_2, TIER_3, TIER_4

TIERS = {
    "api.test": SPECIAL,
    "apps.uninstall": TIER_1,
    "auth.revoke": TIER_3,
    "auth.teams.list": TIER_2,
    "auth.test": SPECIAL,
    "chat.postMessage": 60,
    "oauth.v2.access": SPECIAL,
    "users.deletePhoto": TIER_2,
    "users.info": TIER_4,
    "users.profile.get": TIER_4,
    "users.setPhoto": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
}
"""chat.postMessage has a limit of its own, one a second in each channel."""


def tier_of(method: str) -> int:
    """Calls a minute of `method`."""
    return TIERS[method]
