"""Signed requests as Slack sends them: clicks of 4 KB and opened Home tabs."""

import hashlib
import hmac
import json
import time
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.household import APP_ID, SIGNING_SECRET
from rotavatar.policy import HOUR

CLICK_BYTES: Final = 4096
FREQUENCIES: Final = (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)


def opened(team: str, user: str) -> bytes:
    """The body of an app_home_opened."""
    now = time.time()
    return json.dumps(
        {
            "token": "verification-token-of-old",
            "team_id": team,
            "api_app_id": APP_ID,
            "event": {
                "type": "app_home_opened",
                "user": user,
                "channel": "D0BENCHMARK",
                "tab": "home",
                "event_ts": f"{now:.6f}",
            },
            "type": "event_callback",
            "event_id": "Ev0BENCHMARK",
            "event_time": int(now),
            "authorizations": [
                {"enterprise_id": None, "team_id": team, "user_id": "U0BOT", "is_enterprise_install": False}
            ],
            "is_ext_shared_channel": False,
            "event_context": "4-eyJldCI6ImFwcF9ob21lX29wZW5lZCIsInRpZCI6IlQwIn0",
        },
        separators=(",", ":"),
    ).encode()


def clicked(team: str, user: str, *, seconds: int = FREQUENCIES[0]) -> bytes:
    """The body of a choice of frequency, with as much of the view as makes it 4 KB."""
    option = {"text": {"type": "plain_text", "text": "Every hour", "emoji": True}, "value": str(seconds)}
    blocks: list[dict[str, Any]] = []
    body = b""
    while len(body) < CLICK_BYTES:
        body = urlencode({"payload": json.dumps(_click(team, user, option, blocks), separators=(",", ":"))}).encode()
        text = "Your photo changes every four hours; the next change is today at 16:20."
        blocks.append({"type": "section", "block_id": f"b{len(blocks)}:57", "text": {"type": "mrkdwn", "text": text}})
    return body


def _click(team: str, user: str, option: dict[str, Any], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "amara", "name": "amara", "team_id": team},
        "api_app_id": APP_ID,
        "token": "verification-token-of-old",
        "container": {"type": "view", "view_id": "V0BENCHMARK"},
        "trigger_id": "1234567890.1234567890.0123456789abcdef0123456789abcdef",
        "team": {"id": team, "domain": "benchmark"},
        "enterprise": None,
        "is_enterprise_install": False,
        "view": {
            "id": "V0BENCHMARK",
            "team_id": team,
            "type": "home",
            "blocks": blocks,
            "private_metadata": "0123456789abcdef",
            "callback_id": "",
            "hash": "1795000000.a1b2c3d4",
        },
        "actions": [
            {
                "type": "static_select",
                "action_id": "frequency",
                "block_id": "frequency:57",
                "selected_option": option,
                "placeholder": {"type": "plain_text", "text": "How often", "emoji": True},
                "action_ts": f"{time.time():.6f}",
            }
        ],
    }


def request(path: str, body: bytes) -> bytes:
    """A whole HTTP request with Slack's headers, signed now."""
    stamp = str(int(time.time()))
    digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/json" if body.startswith(b"{") else "application/x-www-form-urlencoded"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n"
        f"Accept-Encoding: gzip,deflate\r\nAccept: application/json,*/*\r\nContent-Type: {kind}\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def mixture(events: str, interactions: str, *, number: int = 200) -> list[bytes]:
    """Half clicks, half opened tabs, of many members."""
    made = []
    for n in range(number):
        team, user = f"T{n % 50:08d}", f"U{n:010d}"
        made.append(request(interactions, clicked(team, user)) if n % 2 else request(events, opened(team, user)))
    return made
