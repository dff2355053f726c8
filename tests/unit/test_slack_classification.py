"""Every error code that Slack documents has a class and a sentence, and unknown ones are harmless."""

import pytest

from rotavatar.errors import (
    ConsentMissing,
    CredentialDead,
    Forbidden,
    PictureRefused,
    RequestRefused,
    SlackBusy,
    SlackError,
    TokenExpired,
)
from rotavatar.slack.classification import (
    _GROUPS,
    DEFAULT_WAIT,
    LONGEST_WAIT,
    TABLE,
    Sentence,
    error_for,
    parse_retry_after,
    refine_code,
    sentence_for,
    verdict_on,
)

# https://docs.slack.dev/reference/methods (the errors that every method shares)
COMMON = """access_denied accesslimited account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted
fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset
invalid_form_data invalid_post_type is_bot method_deprecated missing_post_type missing_scope no_permission
not_allowed_token_type not_authed org_login_required ratelimited request_timeout service_unavailable
team_access_not_granted team_added_to_org token_expired token_revoked two_factor_setup_required unknown_method
invalid_json json_not_object"""
PER_METHOD = {
    "users.setPhoto": "bad_image too_large too_many_frames internal_error user_is_bot not_found",
    "users.deletePhoto": "internal_error",
    "users.profile.get": "user_not_found token_revoked ratelimited",
    "users.profile.set": "not_app_admin",
    "users.info": "user_not_found user_not_visible too_many_users",
    "views.publish": "duplicate_external_id hash_conflict missing_profile_id not_allowed_token_type not_enabled "
    "not_implemented view_too_large invalid_arguments invalid_blocks",
    "views.open": "exchanged_trigger_id expired_trigger_id invalid_trigger_id duplicate_external_id view_too_large "
    "trigger_expired trigger_exchanged",
    "views.update": "hash_conflict not_found push_limit_reached",
    "auth.test": "invalid_auth not_authed",
    "auth.revoke": "not_bearer_token",
    "apps.uninstall": "bad_client_secret client_id_token_mismatch invalid_client_id no_permission",
    "auth.teams.list": "invalid_cursor invalid_limit",
    "oauth.v2.access": "bad_client_secret bad_redirect_uri cannot_install_an_org_installed_app invalid_client_id "
    "invalid_code invalid_grant_type invalid_refresh_token no_scopes oauth_authorization_url_mismatch pkce_not_allowed "
    "invalid_code_verifier user_email_unverified preview_feature_not_available code_already_used no_user_scopes "
    "not_implemented",
    "oauth.v2.exchange": "authorization_not_found invalid_token token_already_exchanged token_rotation_not_enabled",
    "authorize": "access_denied invalid_scope invalid_team_for_non_distributed_app scope_not_allowed_on_enterprise "
    "unapproved_scope",
}
DOCUMENTED = [("any", code) for code in COMMON.split()] + [
    (method, code) for method, codes in PER_METHOD.items() for code in codes.split()
]


@pytest.mark.parametrize(("method", "code"), DOCUMENTED)
def test_every_documented_code_is_in_the_table(method, code):
    assert code in TABLE or f"{method}:{code}" in TABLE
    error = error_for(method=method, code=code)
    assert type(error) is not SlackError
    assert isinstance(sentence_for(error), Sentence)


def test_no_code_stands_in_the_table_twice():
    codes = [code for _, group in _GROUPS for code in group.split()]
    assert len(codes) == len(set(codes)) == len(TABLE)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("token_revoked", CredentialDead),
        ("account_inactive", CredentialDead),
        ("invalid_auth", CredentialDead),
        ("user_is_bot", CredentialDead),
        ("invalid_refresh_token", CredentialDead),
        ("token_expired", TokenExpired),
        ("missing_scope", ConsentMissing),
        ("bad_image", PictureRefused),
        ("too_large", PictureRefused),
        ("too_many_frames", PictureRefused),
        ("image_download_failed", PictureRefused),
        ("ekm_access_denied", Forbidden),
        ("two_factor_setup_required", Forbidden),
        ("team_added_to_org", SlackBusy),
        ("org_login_required", SlackBusy),
        ("hash_conflict", SlackBusy),
        ("view_too_large", RequestRefused),
        # Our mistake, and not the token's: nobody's credential may be destroyed for it.
        ("not_allowed_token_type", RequestRefused),
        ("not_authed", RequestRefused),
    ],
)
def test_classes_that_decide_what_happens_to_a_member(code, kind):
    assert type(error_for(method="users.setPhoto", code=code)) is kind


def test_an_unknown_code_destroys_nothing():
    error = error_for(method="users.setPhoto", code="photo_locked_by_martians")
    assert type(error) is RequestRefused
    assert sentence_for(error) is Sentence.OUR_FAULT


def test_an_unknown_code_with_a_server_error_is_tried_again():
    error = error_for(method="users.setPhoto", code="http_503", status=503)
    assert isinstance(error, SlackBusy)
    assert error.uncertain
    assert sentence_for(error) is Sentence.SLACK_BUSY


def test_a_refusal_on_the_consent_page_is_the_persons_own():
    assert verdict_on(method="authorize", code="access_denied").sentence is Sentence.CANCELLED
    assert verdict_on(method="users.setPhoto", code="access_denied").sentence is Sentence.FORBIDDEN


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("two_factor_setup_required", Sentence.TWO_FACTOR),
        ("team_access_not_granted", Sentence.TEAM_ACCESS),
        ("accesslimited", Sentence.NETWORK),
        ("no_permission", Sentence.FORBIDDEN),
    ],
)
def test_who_can_do_something_about_a_refusal_is_told_what(code, sentence):
    error = error_for(method="users.setPhoto", code=code)
    assert type(error) is Forbidden
    assert sentence_for(error) is sentence


def test_nobody_is_told_that_a_token_ended_which_auth_test_found_alive():
    assert sentence_for(error_for(method="users.setPhoto", code="invalid_auth")) is Sentence.RECONNECT
    assert sentence_for(SlackBusy(method="users.setPhoto", code="invalid_auth")) is Sentence.SLACK_BUSY


@pytest.mark.parametrize("code", ["fatal_error", "internal_error", "timeout", "cut_connection", "unreadable_answer"])
def test_a_call_that_may_have_worked_is_uncertain(code):
    error = error_for(method="users.setPhoto", code=code)
    assert isinstance(error, SlackBusy)
    assert error.uncertain


@pytest.mark.parametrize("code", ["ratelimited", "unreachable", "connect_timeout", "hash_conflict"])
def test_a_call_that_surely_did_nothing_is_certain(code):
    error = error_for(method="users.setPhoto", code=code)
    assert isinstance(error, SlackBusy)
    assert not error.uncertain


def test_a_rate_limit_waits_as_slack_says_else_by_default():
    assert error_for(method="m", code="ratelimited", retry_after=7.0).retry_after == 7.0
    assert error_for(method="m", code="ratelimited").retry_after == DEFAULT_WAIT
    assert error_for(method="m", code="bad_image", status=429, retry_after=7.0).retry_after == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 06 Nov 2094 08:49:37 GMT", None),
        ("0", 1.0),
        ("3", 3.0),
        ("99999", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
    ],
)
def test_retry_after_is_bounded_and_never_raises(header, seconds):
    assert parse_retry_after(header) == seconds


def test_a_picture_that_slack_cannot_download_differs_from_a_malformed_view():
    seen = ["[ERROR] downloading image failed [json-pointer:/view/blocks/2/accessory]"]
    assert refine_code(code="invalid_blocks", messages=seen) == "image_download_failed"
    assert refine_code(code="invalid_arguments", messages=seen) == "image_download_failed"
    assert refine_code(code="invalid_arguments", messages=["[ERROR] must provide an object"]) == "invalid_arguments"
    other = ["[ERROR] image format not supported [json-pointer:/view/blocks/2/image_url]"]
    assert refine_code(code="invalid_arguments", messages=other) == "image_download_failed"
    assert refine_code(code="view_too_large", messages=seen) == "view_too_large"
