"""What every error code of Slack means for us: one table.

Codes come from https://docs.slack.dev/apis/web-api and the pages of the methods that we call. Almost all errors arrive
with HTTP 200 and `ok: false`; what the transport does (429, 5xx, cut connections) is told by the code words below.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

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


class Sentence(StrEnum):
    """Which sentence tells the member what happened. The keys are stable; the words live with the views."""

    SLACK_BUSY = "slack_busy"
    MIGRATING = "migrating"
    RECONNECT = "reconnect"
    CONSENT = "consent"
    PICTURE = "picture"
    FORBIDDEN = "forbidden"
    TWO_FACTOR = "two_factor"
    TEAM_ACCESS = "team_access"
    NETWORK = "network"
    HOME_TAB_OFF = "home_tab_off"
    OUR_FAULT = "our_fault"
    CANCELLED = "cancelled"
    LINK_EXPIRED = "link_expired"
    NEEDS_APPROVAL = "needs_approval"
    ALREADY_INSTALLED = "already_installed"
    EMAIL_UNVERIFIED = "email_unverified"


class Verdict(msgspec.Struct, frozen=True):
    """What follows from an error code."""

    error: type[SlackError]
    sentence: Sentence
    wait: float | None = None
    """Seconds until the next try makes sense, when Slack names none; None leaves it to the retry schedule."""
    uncertain: bool = False
    """The call may have had its effect although it failed."""


DEFAULT_WAIT = 30.0
"""Seconds to wait after a rate limit without Retry-After: half of the minute over which Slack counts."""
LONGEST_WAIT = 3600.0
"""Seconds; a longer Retry-After is cut to this, so that no typing error of theirs stops a workspace for days."""
MIGRATION_WAIT = 60.0
"""Seconds between looks at a workspace that moves into an organisation: the last step that Slack advises
(https://docs.slack.dev/enterprise/migrating-to-organization-wide-deployment)."""

LIMITED = Verdict(SlackBusy, Sentence.SLACK_BUSY, wait=DEFAULT_WAIT)
BROKEN = Verdict(SlackBusy, Sentence.SLACK_BUSY, uncertain=True)
UNREACHED = Verdict(SlackBusy, Sentence.SLACK_BUSY)
CONFLICT = Verdict(SlackBusy, Sentence.SLACK_BUSY, wait=0.0)
MIGRATING = Verdict(SlackBusy, Sentence.MIGRATING, wait=MIGRATION_WAIT)
EXPIRED = Verdict(TokenExpired, Sentence.SLACK_BUSY)
DEAD = Verdict(CredentialDead, Sentence.RECONNECT)
CONSENT = Verdict(ConsentMissing, Sentence.CONSENT)
PICTURE = Verdict(PictureRefused, Sentence.PICTURE)
FORBIDDEN = Verdict(Forbidden, Sentence.FORBIDDEN)
REFUSED = Verdict(RequestRefused, Sentence.OUR_FAULT)
LINK_EXPIRED = Verdict(RequestRefused, Sentence.LINK_EXPIRED)
NEEDS_APPROVAL = Verdict(Forbidden, Sentence.NEEDS_APPROVAL)

UNKNOWN = REFUSED
"""An unknown code destroys no credential, bans no picture and is not repeated: it is kept where a person sees it."""

_GROUPS: tuple[tuple[Verdict, str], ...] = (
    (LIMITED, "ratelimited rate_limited"),
    # fatal_error says "some aspect of the operation may have succeeded"; the others leave it open.
    (BROKEN, "internal_error fatal_error service_unavailable request_timeout"),
    # Our words for what the transport did after the request was, or may have been, sent.
    (BROKEN, "timeout cut_connection unreadable_answer answer_too_large"),
    (UNREACHED, "unreachable connect_timeout photo_unavailable"),
    (CONFLICT, "hash_conflict"),
    (MIGRATING, "team_added_to_org org_login_required"),
    (EXPIRED, "token_expired"),
    # invalid_auth can be an address list as well: the caller asks auth.test before it believes it.
    (DEAD, "token_revoked account_inactive invalid_auth user_is_bot invalid_refresh_token invalid_token"),
    (CONSENT, "missing_scope no_scopes no_user_scopes"),
    (PICTURE, "bad_image too_large too_many_frames image_download_failed"),
    (FORBIDDEN, "access_denied no_permission ekm_access_denied"),
    (FORBIDDEN, "enterprise_is_restricted restricted_action not_app_admin"),
    # The member, the organisation's admins and the network's have something to do each: another sentence for each.
    (Verdict(Forbidden, Sentence.TWO_FACTOR), "two_factor_setup_required"),
    (Verdict(Forbidden, Sentence.TEAM_ACCESS), "team_access_not_granted"),
    (Verdict(Forbidden, Sentence.NETWORK), "accesslimited"),
    # Every method: we called it wrongly, or with the wrong kind of token; the credential itself may be sound.
    (REFUSED, "not_authed not_allowed_token_type is_bot deprecated_endpoint method_deprecated unknown_method"),
    (REFUSED, "invalid_arg_name invalid_arguments invalid_array_arg invalid_charset invalid_form_data"),
    (REFUSED, "invalid_post_type missing_post_type invalid_json json_not_object invalid_blocks"),
    # users.* and views.*
    (REFUSED, "not_found user_not_found user_not_visible too_many_users"),
    (REFUSED, "duplicate_external_id missing_profile_id not_implemented view_too_large push_limit_reached"),
    (REFUSED, "exchanged_trigger_id expired_trigger_id invalid_trigger_id trigger_expired trigger_exchanged"),
    (Verdict(RequestRefused, Sentence.HOME_TAB_OFF), "not_enabled"),
    # auth.*, apps.* and chat.*
    (REFUSED, "not_bearer_token client_id_token_mismatch invalid_cursor invalid_limit"),
    (REFUSED, "channel_not_found not_in_channel is_archived msg_too_long no_text messages_tab_disabled"),
    # oauth.*
    (REFUSED, "bad_client_secret bad_redirect_uri invalid_client_id invalid_grant_type invalid_code_verifier"),
    (REFUSED, "oauth_authorization_url_mismatch pkce_not_allowed preview_feature_not_available invalid_scope"),
    (REFUSED, "authorization_not_found token_already_exchanged token_rotation_not_enabled"),
    (LINK_EXPIRED, "invalid_code code_already_used"),
    (NEEDS_APPROVAL, "scope_not_allowed_on_enterprise unapproved_scope invalid_team_for_non_distributed_app"),
    (Verdict(Forbidden, Sentence.ALREADY_INSTALLED), "cannot_install_an_org_installed_app"),
    (Verdict(Forbidden, Sentence.EMAIL_UNVERIFIED), "user_email_unverified"),
    # On the consent page this code is the person's own No, not the organisation's.
    (Verdict(Forbidden, Sentence.CANCELLED), "authorize:access_denied"),
    # Our words for answers that no retry can mend.
    (REFUSED, "redirected foreign_address malformed_token"),
    (REFUSED, "photo_not_an_image photo_too_large"),
)

TABLE: Mapping[str, Verdict] = {code: verdict for verdict, codes in _GROUPS for code in codes.split()}
"""Every known code, or `method:code` where a method means something of its own by it."""


def verdict_on(*, method: str, code: str, status: int = 200) -> Verdict:
    """What `code`, answered to `method` with HTTP `status`, means for us. Never raises."""
    known = TABLE.get(f"{method}:{code}") or TABLE.get(code)
    if status == 429:  # noqa: PLR2004 - the HTTP status Too Many Requests says it by itself
        return LIMITED
    if known is None:
        return BROKEN if status >= 500 else UNKNOWN  # noqa: PLR2004 - the HTTP class of server errors
    return known


def sentence_for(error: SlackError) -> Sentence:
    """Which sentence tells the member about `error`.

    A SlackBusy whose code usually means something worse was found to be harmless, such as an `invalid_auth` that
    `auth.test` did not confirm: nobody is told that their permission ended.
    """
    verdict = verdict_on(method=error.method, code=error.code)
    if isinstance(error, SlackBusy) and verdict.error is not SlackBusy:
        return Sentence.SLACK_BUSY
    return verdict.sentence


def parse_retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, at least 1 and at most LONGEST_WAIT; None when it is missing or no number."""
    if header is None or not (header.isascii() and header.isdigit()):
        return None
    return min(max(float(header[:9]), 1.0), LONGEST_WAIT)


def refine_code(*, code: str, messages: Sequence[str]) -> str:
    """Tell an image that Slack could not use from other invalid blocks: the same view without images will be taken.

    Seen as `invalid_blocks` with "downloading image failed" (https://github.com/slackapi/node-slack-sdk/issues/1693);
    other complaints about an image are known by the json-pointer that they end with.
    """
    if code in {"invalid_blocks", "invalid_arguments"} and any(
        "downloading image" in text or "/image_url]" in text for text in messages
    ):
        return "image_download_failed"
    return code


def error_for(
    *, method: str, code: str, status: int = 200, retry_after: float | None = None, detail: str = ""
) -> SlackError:
    """The exception for an error code. `detail` must be safe to log."""
    verdict = verdict_on(method=method, code=code, status=status)
    if verdict.error is not SlackBusy:
        return verdict.error(method=method, code=code, detail=detail)
    wait = verdict.wait if retry_after is None else retry_after
    return SlackBusy(method=method, code=code, retry_after=wait, detail=detail, uncertain=verdict.uncertain)
