"""Answers of Slack become typed values or the right exception, and never show a token."""

from typing import Any

import httpx
import msgspec
import pytest

from rotavatar.errors import ConsentMissing, CredentialDead, PictureRefused, RequestRefused, SlackBusy, SlackError
from rotavatar.slack.answers import Answer, OAuthAnswer, Photo, Profile, ProfileAnswer, ViewAnswer
from rotavatar.slack.decoding import check_response, decode, issued_at, read_photo
from rotavatar.slack.photos import encode_photo, mime_of
from rotavatar.slack.wire import Reply

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def reply(body: object, *, status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(
        status=status, headers=httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), body=content
    )


def refused(body: object, *, status: int = 200, **headers: str) -> Any:
    with pytest.raises(SlackError) as caught:
        decode(reply(body, status=status, **headers), method="users.setPhoto", kind=ProfileAnswer)
    return caught.value


def test_a_profile_is_read_and_unknown_fields_are_ignored():
    body = {"ok": True, "profile": {"avatar_hash": "e44d439dc32b", "is_custom_image": True, "new": [1]}, "warning": "x"}
    answer = decode(reply(body), method="users.setPhoto", kind=ProfileAnswer)
    assert answer.profile == Profile(avatar_hash="e44d439dc32b", is_custom_image=True)


def test_an_answer_may_leave_the_profile_out():
    assert decode(reply({"ok": True}), method="users.setPhoto", kind=ProfileAnswer).profile is None


@pytest.mark.parametrize(
    ("profile", "own"),
    [
        (Profile(avatar_hash="e44d439dc32b"), True),
        (Profile(avatar_hash="g12345678910"), False),
        (Profile(avatar_hash=""), False),
        (Profile(avatar_hash="g12345678910", is_custom_image=True), True),
        (Profile(avatar_hash="e44d439dc32b", is_custom_image=False), False),
    ],
)
def test_a_default_photo_is_known_by_its_flag_else_by_its_hash(profile, own):
    assert profile.has_own_photo is own


def test_refusals_become_the_class_of_their_code():
    assert isinstance(refused({"ok": False, "error": "token_revoked"}), CredentialDead)
    # A refusal whose other fields have another type than in a success is still read.
    assert isinstance(refused({"ok": False, "error": "bad_image", "profile": "none"}), PictureRefused)


def test_a_missing_scope_names_what_is_needed():
    error = refused({"ok": False, "error": "missing_scope", "needed": "users.profile:write", "provided": "commands"})
    assert isinstance(error, ConsentMissing)
    assert "needs users.profile:write" in str(error)


def test_rate_limits_are_recognised_at_any_status():
    limited = refused(b"<html>", status=429, Retry_After="7")
    assert (limited.code, limited.retry_after) == ("ratelimited", 7.0)
    assert refused({"ok": False, "error": "ratelimited"}).retry_after == 30.0
    assert refused({"ok": False, "error": "ratelimited"}, Retry_After="4").retry_after == 4.0


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'"text"', b"[]", b'{"ok":"yes"}', b"\xff\xfe", b"null"])
def test_what_cannot_be_read_is_uncertain(body):
    error = refused(body)
    assert isinstance(error, SlackBusy)
    assert (error.code, error.uncertain) == ("unreadable_answer", True)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SlackBusy), (503, SlackBusy), (404, RequestRefused), (302, RequestRefused)]
)
def test_answers_of_proxies_are_classed_by_their_status(status, kind):
    assert type(refused(b"<html>", status=status)) is kind
    assert type(refused({"ok": True}, status=status)) is kind


def test_a_code_that_could_carry_anything_else_is_not_repeated():
    for code in ("xoxb-1-secret", "a" * 65, "Bearer x", "new\nline"):
        error = refused({"ok": False, "error": code})
        assert error.code == "unreadable_code"
        assert code not in str(error)


def test_an_image_that_slack_cannot_download_is_told_apart():
    for field in (
        {"errors": ["downloading image failed"]},
        {"response_metadata": {"messages": ["downloading image failed"]}},
    ):
        with pytest.raises(PictureRefused, match="image_download_failed"):
            decode(reply({"ok": False, "error": "invalid_blocks"} | field), method="views.publish", kind=ViewAnswer)


def test_explanations_of_unexpected_types_are_ignored():
    strange: list[Any] = [None, [], {"messages": None}, {"messages": [1, None]}, "text"]
    for metadata in strange:
        assert (
            refused({"ok": False, "error": "invalid_arguments", "response_metadata": metadata}).code
            == "invalid_arguments"
        )


TEAM_INSTALL = {
    "ok": True,
    "access_token": "xoxb-bot-canary",
    "token_type": "bot",
    "scope": "commands,users:read",
    "bot_user_id": "U0KRQLJ9H",
    "app_id": "A0KRD7HC3",
    "team": {"name": "Softball", "id": "T9TK3CUKW"},
    "enterprise": None,
    "is_enterprise_install": False,
    "authed_user": {
        "id": "U1234",
        "scope": "users.profile:write",
        "access_token": "xoxp-user-canary",
        "token_type": "user",
    },
}


def test_a_grant_of_a_workspace_installation():
    grant = decode(reply(TEAM_INSTALL), method="oauth.v2.access", kind=OAuthAnswer).grant(5.0)
    assert (grant.app_id, grant.team_id, grant.user_id, grant.bot_user_id) == (
        "A0KRD7HC3",
        "T9TK3CUKW",
        "U1234",
        "U0KRQLJ9H",
    )
    assert grant.bot is not None and grant.user is not None
    assert grant.bot.access_token == "xoxb-bot-canary"
    assert grant.bot.scopes == {"commands", "users:read"}
    assert grant.user.scopes == {"users.profile:write"}
    assert grant.issued_at == 5.0
    assert "canary" not in repr(grant) + str(grant)


def test_a_grant_of_an_organisation_with_rotating_tokens():
    body = TEAM_INSTALL | {
        "team": None,
        "enterprise": {"id": "E1", "name": "sports"},
        "is_enterprise_install": True,
        "expires_in": 43200,
        "refresh_token": "xoxe-1-refresh-canary",
    }
    answer = decode(reply(body), method="oauth.v2.access", kind=OAuthAnswer)
    grant = answer.grant(0.0)
    assert (grant.team_id, grant.enterprise_id, grant.is_enterprise_install) == (None, "E1", True)
    assert grant.bot is not None
    assert (grant.bot.expires_in, grant.bot.refresh_token) == (43200, "xoxe-1-refresh-canary")
    assert "canary" not in repr(grant) + repr(answer) + repr(answer.authed_user)


def test_a_grant_of_user_scopes_only_has_no_bot_token():
    body = {k: v for k, v in TEAM_INSTALL.items() if k not in {"access_token", "scope", "bot_user_id", "token_type"}}
    grant = decode(reply(body), method="oauth.v2.access", kind=OAuthAnswer).grant(0.0)
    assert grant.bot is None
    assert grant.user is not None


def test_a_grant_without_any_user_scope_has_no_user_token():
    grant = decode(
        reply(TEAM_INSTALL | {"authed_user": {"id": "U1"}}), method="oauth.v2.access", kind=OAuthAnswer
    ).grant(0.0)
    assert (grant.user, grant.user_id) == (None, "U1")


def test_a_refreshed_user_token_stands_at_the_top_or_with_the_user():
    fields = {"access_token": "xoxe.xoxp-1-a", "refresh_token": "xoxe-1-b", "expires_in": 43200, "scope": "a"}
    for body in ({"ok": True, "token_type": "user"} | fields, {"ok": True, "authed_user": {"id": "U1"} | fields}):
        token = decode(reply(body), method="oauth.v2.access", kind=OAuthAnswer).refreshed()
        assert token is not None
        assert (token.access_token, token.refresh_token) == ("xoxe.xoxp-1-a", "xoxe-1-b")


def test_the_date_header_dates_a_grant():
    assert issued_at(httpx.Headers({"date": "Wed, 21 Oct 2015 07:28:00 GMT"}), fallback=1.0) == 1445412480.0
    for broken in ({}, {"date": ""}, {"date": "yesterday"}, {"date": "Wed, 99 Oct 2015 07:28:00 GMT"}):
        assert issued_at(httpx.Headers(broken), fallback=1.0) == 1.0


def test_response_urls_answer_in_text_or_json():
    check_response(reply(b"ok"), method="response_url")
    check_response(reply({"ok": True}), method="response_url")
    for body, status in ((b"ok", 404), (b'{"ok":false,"error":"used_url"}', 404), (b'{"ok":false,"error":"x"}', 200)):
        with pytest.raises(RequestRefused):
            check_response(reply(body, status=status), method="response_url")
    with pytest.raises(SlackBusy):
        check_response(reply(b"", status=503), method="response_url")


def test_photos_are_known_by_their_bytes():
    assert mime_of(PNG) == "image/png"
    assert mime_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert mime_of(b"GIF89a") == "image/gif"
    for other in (b"", b"RIFF1234WEBP", b"<svg/>", b"\xff\xd8", b"GIF90a"):
        assert mime_of(other) is None
    assert read_photo(reply(PNG), method="photo") == Photo(content=PNG, mime="image/png")
    assert repr(Photo(content=PNG, mime="image/png")) == "Photo(image/png, 48 bytes)"


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        (b"<html>", 200, RequestRefused, "photo_not_an_image"),
        (PNG, 404, SlackBusy, "photo_unavailable"),
        (PNG, 403, SlackBusy, "photo_unavailable"),
        (PNG, 500, SlackBusy, "photo_unavailable"),
        (PNG, 301, RequestRefused, "redirected"),
        (PNG, 429, SlackBusy, "ratelimited"),
    ],
)
def test_a_photo_that_cannot_be_had(body, status, kind, code):
    with pytest.raises(kind) as caught:
        read_photo(reply(body, status=status), method="photo")
    assert caught.value.code == code


def test_a_photo_is_sent_as_one_part_with_its_true_type_and_a_name():
    content_type, body = encode_photo(image=PNG, mime="image/png", boundary="b0")
    assert content_type == "multipart/form-data; boundary=b0"
    head, _, rest = body.partition(b"\r\n\r\n")
    assert (
        head
        == b'--b0\r\nContent-Disposition: form-data; name="image"; filename="avatar.png"\r\nContent-Type: image/png'
    )
    assert rest == PNG + b"\r\n--b0--\r\n"
    with pytest.raises(KeyError):
        encode_photo(image=PNG, mime="image/webp", boundary="b0")


def test_plain_answers_have_no_other_fields():
    assert decode(reply({"ok": True}), method="users.deletePhoto", kind=Answer) == Answer(ok=True)
