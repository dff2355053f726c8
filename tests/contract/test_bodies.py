"""Bodies that Slack does not read: https://docs.slack.dev/apis/web-api names the errors."""

import pytest

from slack_simulator.webapi.arguments import MAX_UPLOAD
from tests.contract.conftest import Target

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=edge"


@pytest.mark.parametrize(
    ("content", "media_type", "error"),
    [
        (b"<user/>", "application/xml", "invalid_post_type"),
        (b"a=b", None, "missing_post_type"),
        (b"user=%ff", FORM, "invalid_form_data"),
        (b"\xff\xfe", FORM, "invalid_form_data"),
        (b"--other\r\n", MULTIPART, "invalid_form_data"),
        (b"", "multipart/form-data", "invalid_form_data"),
        (b'{"user": "\xff"}', "application/json", "invalid_json"),
        (b"[" * 100_000, "application/json", "invalid_json"),
        (b'"text"', "application/json", "json_not_object"),
    ],
)
async def test_what_cannot_be_read(sim, member: Target, content, media_type, error):
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await member.send("users.profile.get", token=member.user_token, content=content, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "error": error}


async def test_a_body_beyond_twenty_megabytes(sim, member: Target):
    answer = await member.send("users.profile.get", token=member.user_token, content=b"x" * (MAX_UPLOAD + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/json; charset=utf-8", FORM])
async def test_without_a_body_the_type_does_not_matter(sim, member: Target, media_type):
    content = b"{}" if "json" in media_type else b""
    headers = {"Content-Type": media_type}
    assert (await member.call("auth.test", token=member.user_token, content=content, headers=headers))["ok"]
