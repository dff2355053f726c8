"""Why a condition stands as it does: every reason with the sentence that says what it means and what to do.

`docs/slacktenant.md` has them all. Sentences name workspaces, Secrets and keys of Secrets, never what a Secret holds.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """The conditions of a SlackTenant."""

    READY = "Ready"
    SECRETS = "SecretsResolved"
    CREDENTIALS = "CredentialsValid"
    SYNCED = "Synced"
    SATURATED = "Saturated"


class Reason(StrEnum):
    """The reasons that conditions have."""

    READY = "Ready"
    SUSPENDED = "Suspended"
    AWAITING_APPROVAL = "AwaitingApproval"
    DUPLICATE = "DuplicateWorkspace"
    DELETING = "Deleting"

    RESOLVED = "Resolved"
    NOTHING_REFERENCED = "NothingReferenced"
    NOT_LABELLED = "NotLabelled"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason
    KEY_NOT_FOUND = "KeyNotFound"
    VALUE_UNUSABLE = "ValueUnusable"

    VALID = "Valid"
    NOT_INSTALLED = "NotInstalled"
    UNINSTALLED = "Uninstalled"
    NOT_CHECKED = "NotChecked"
    SLACK_UNAVAILABLE = "SlackUnavailable"
    TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - a reason
    WRONG_WORKSPACE = "WrongWorkspace"
    WRONG_APP = "WrongApp"
    NOT_A_BOT_TOKEN = "NotABotToken"  # noqa: S105 - a reason
    ROTATING_TOKEN = "RotatingToken"  # noqa: S105 - a reason
    SCOPE_MISSING = "ScopeMissing"

    SYNCED = "Synced"
    POLICY_INVALID = "PolicyInvalid"
    APP_CONFLICT = "AppConflict"
    REDIS_UNAVAILABLE = "RedisUnavailable"

    WITHIN_LIMITS = "WithinLimits"
    ABOVE_LIMITS = "AboveLimits"


SENTENCES: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.READY: "The workspace works.",
        Reason.SUSPENDED: "No photo of this workspace changes: spec.suspend is true. Set it to false to go on.",
        Reason.AWAITING_APPROVAL: "Somebody installed the app in this workspace and waits for your approval: set "
        "spec.suspend to false to let it work, or delete this SlackTenant to refuse.",
        Reason.DUPLICATE: "Workspace {workspace} is declared by {first} already, which is older and holds. Delete one "
        "of the two.",
        Reason.DELETING: "Being deleted, and waits: {problem}. It is tried again for ten minutes at most, for one "
        "where the namespace is being deleted too; then the SlackTenant goes all the same.",
        Reason.RESOLVED: "Every Secret that is referred to is there.",
        Reason.NOTHING_REFERENCED: "No Secret is referred to.",
        Reason.NOT_LABELLED: "Every Secret is there, but {secrets} lack the label rotavatar.dev/credential=true: a "
        "change of theirs is noticed at the next resync only. Label them to have it noticed at once.",
        Reason.SECRET_NOT_FOUND: "There is no Secret {secret} in this namespace. Create it, or correct the reference. "
        "What was read from it before stays in use.",
        Reason.KEY_NOT_FOUND: "The Secret {secret} has no key {key}. Add it, or correct the reference. What was read "
        "from it before stays in use.",
        Reason.VALUE_UNUSABLE: "The key {key} of the Secret {secret} is empty, or holds other characters than a "
        "credential has. Store the credential there as Slack shows it. What was read from it before stays in use.",
        Reason.VALID: "Slack knows the bot token as one of workspace {workspace}.",
        Reason.NOT_INSTALLED: "Policy is in place, but the app is not installed in workspace {workspace}: somebody of "
        "it opens {link}, or you refer to a bot token in spec.botToken.",
        Reason.UNINSTALLED: "The app was removed from workspace {workspace}. Members' choices are kept for a while: "
        "install it again, or delete this SlackTenant.",
        Reason.NOT_CHECKED: "The bot token could not be read, so it was not checked. See SecretsResolved.",
        Reason.SLACK_UNAVAILABLE: "Slack could not be asked about the bot token ({code}). What worked goes on to work; "
        "it is asked again.",
        Reason.TOKEN_REFUSED: "Slack refuses the bot token ({code}): it was revoked, or the app was removed. Install "
        "the app again and store its present token.",
        Reason.WRONG_WORKSPACE: "The bot token is one of workspace {found}, but spec.workspace is {workspace}. It is "
        "not used. Store the token of {workspace}.",
        Reason.WRONG_APP: "The bot token is one of the Slack app {found}, but this workspace uses {app}. It is not "
        "used. Store the token of {app}, or declare the other app in spec.app.",
        Reason.NOT_A_BOT_TOKEN: "The value is no bot token: those begin with xoxb-. It is not used. Store the *Bot "
        "User OAuth Token* of the app's page *OAuth & Permissions*.",
        Reason.ROTATING_TOKEN: "The bot token expires within hours (it begins with xoxe.), and nobody can renew it in "
        "a Secret. It is not used. Switch token rotation off for the app, or leave spec.botToken out and install by "
        "OAuth.",
        Reason.SCOPE_MISSING: "The bot token lacks the scopes {scopes}. Add them on the app's page *OAuth & "
        "Permissions*, install the app again and store its present token.",
        Reason.SYNCED: "The services use what this SlackTenant declares.",
        Reason.POLICY_INVALID: "{problem}. Until then the rules before this change stay in force.",
        Reason.APP_CONFLICT: "The Slack app {app} is declared with other credentials by {first}, which is older and "
        "holds. Declare the same ones, or an app of your own.",
        Reason.REDIS_UNAVAILABLE: "Redis could not be reached; what it holds stays in use. It is tried again.",
        Reason.WITHIN_LIMITS: "Members ask for no more rotations than the limits allow.",
        Reason.ABOVE_LIMITS: "Members ask for about {wanted} rotations an hour and the limits allow {allowed}: photos "
        "change later than asked, in turn. Raise spec.policy.limits if Slack allows it, or forbid short frequencies.",
    }
)


def sentence(reason: Reason, **facts: str) -> str:
    """What `reason` says about these facts. Raises KeyError where one is missing."""
    return SENTENCES[reason].format(**facts)[:1024]
