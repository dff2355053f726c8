"""A SlackTenant as it is written and read: the one source of its definition, its reference page and its parsing.

Names in Kubernetes are in camelCase, those in Python are not. What is left out of an object has the default of its
field. Fields that this version does not know are passed over: a newer definition may be stored already.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from rotavatar.pacing import Limit, Limits
from rotavatar.policy import DEFAULT_PACK
from slacktenant_operator import rules
from slacktenant_operator.rules import checked

GROUP: Final = "rotavatar.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "SlackTenant"
PLURAL: Final = "slacktenants"

Frequency = Literal["off", "1h", "2h", "4h", "8h", "12h", "1d", "2d", "1w"]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
Pack = Annotated[str, rules.PACK_FORM]
TimeOfDay = Annotated[str, rules.TIME_FORM]

SET: Final = {"x-kubernetes-list-type": "set"}


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something below `spec` or `status`."""


class SecretReference(Part, frozen=True, kw_only=True):
    """A value in a Secret of the namespace that the SlackTenant is in; no other namespace can be named."""

    name: Annotated[
        str, rules.SECRET_NAME_FORM, Meta(description="Name of a Secret in the namespace of the SlackTenant.")
    ]


class TokenReference(SecretReference, frozen=True, kw_only=True):
    """Where a bot token is."""

    key: Annotated[str, rules.SECRET_KEY_FORM, Meta(description="Key of the Secret that holds the bot token.")] = (
        "token"
    )


class ClientSecretReference(SecretReference, frozen=True, kw_only=True):
    """Where the client secret of a Slack app is."""

    key: Annotated[str, rules.SECRET_KEY_FORM, Meta(description="Key of the Secret that holds the client secret.")] = (
        "clientSecret"
    )


class SigningSecretReference(SecretReference, frozen=True, kw_only=True):
    """Where a signing secret of a Slack app is.

    The key has no default: the API server would write it into the list, and `kubectl apply` and Argo CD, which compare
    lists as a whole, would see a difference for ever.
    """

    key: Annotated[str, rules.SECRET_KEY_FORM, Meta(description="Key of the Secret that holds the signing secret.")]


class SlackApp(Part, frozen=True, kw_only=True):
    """A Slack app of the tenant's own, in place of the one that this installation serves everybody with."""

    app_id: Annotated[
        str,
        rules.APP_ID_FORM,
        checked("App ID of the Slack app, from its page Basic Information. It cannot change.", rules.SAME_APP),
    ] = msgspec.field(name="appID")
    client_id: Annotated[
        str, rules.CLIENT_ID_FORM, Meta(description="Client ID of the Slack app, from its page Basic Information.")
    ] = msgspec.field(name="clientID")
    client_secret: Annotated[ClientSecretReference, Meta(description="Where the client secret of the Slack app is.")]
    signing_secrets: Annotated[
        tuple[SigningSecretReference, ...],
        Meta(
            description="Where the signing secrets of the Slack app are; requests signed with any of them are taken. "
            "When the value in a Secret changes, the one before it is taken for one hour more.",
            min_length=1,
            max_length=4,
        ),
    ]


class Frequencies(Part, frozen=True, kw_only=True):
    """How often photos may change."""

    allowed: Annotated[
        tuple[Frequency, ...],
        Meta(
            description="What members may choose; off is allowed always. Left out: everything.",
            min_length=1,
            max_length=9,
            extra_json_schema=SET,
        ),
    ] = ()
    default: Annotated[Frequency, Meta(description="What a member has until they choose.")] = "off"


class Packs(Part, frozen=True, kw_only=True):
    """Which avatars members may wear."""

    allowed: Annotated[
        tuple[Pack, ...],
        Meta(
            description="Keys of the packs that members may draw from. Left out: every pack of the catalogue.",
            min_length=1,
            max_length=64,
            extra_json_schema=SET,
        ),
    ] = ()
    default: Annotated[Pack, Meta(description="The pack of a member who has not chosen one.")] = DEFAULT_PACK


class QuietHours(Part, frozen=True, kw_only=True):
    """Hours of the day in which no photo changes; they may go past midnight."""

    start: Annotated[TimeOfDay, Meta(description="When they begin, such as '18:00', in quotes.")] = msgspec.field(
        name="from"
    )
    end: Annotated[TimeOfDay, Meta(description="When they end, such as '08:00', in quotes.")] = msgspec.field(name="to")


class CallLimit(Part, frozen=True, kw_only=True):
    """How often one method of Slack's API may be called."""

    per_minute: int
    burst: int


class PhotoLimit(CallLimit, frozen=True, kw_only=True):
    """For users.setPhoto, which Slack puts in its tier 2."""

    per_minute: Annotated[
        int, Meta(description="Calls in any 60 seconds. Slack allows about 20 in tier 2.", ge=3, le=20)
    ]
    burst: Annotated[int, Meta(description="How many of them may leave at once.", ge=1, le=19)]


class WideLimit(CallLimit, frozen=True, kw_only=True):
    """For methods of Slack's tier 4."""

    per_minute: Annotated[
        int, Meta(description="Calls in any 60 seconds. Slack allows about 100 in tier 4.", ge=3, le=100)
    ]
    burst: Annotated[int, Meta(description="How many of them may leave at once.", ge=1, le=99)]


def _limit(purpose: str, default: Limit) -> Meta:
    left_out = f"Left out: {default.per_minute} a minute, {default.burst} at once."
    return checked(f"{purpose} {left_out}", rules.BURST_BELOW_RATE)


class CallLimits(Part, frozen=True, kw_only=True):
    """How often Slack may be called for this workspace, by the app as a whole; whatever Slack answers wins."""

    photo: Annotated[PhotoLimit | None, _limit("Changes of photos (users.setPhoto).", Limits().photo)] = None
    profile: Annotated[
        WideLimit | None, _limit("Looks at profiles before each change (users.profile.get).", Limits().profile)
    ] = None
    publish: Annotated[
        WideLimit | None,
        _limit(
            "Redrawn Home tabs (views.publish); a fifth is kept for members who are looking.",
            Limits().publish,
        ),
    ] = None


class TenantPolicy(Part, frozen=True, kw_only=True):
    """What the members of a workspace may choose, and when photos change."""

    frequencies: Annotated[Frequencies, checked("How often photos may change.", rules.DEFAULT_FREQUENCY_ALLOWED)] = (
        Frequencies()
    )
    packs: Annotated[Packs, checked("Which avatars members may wear.", rules.DEFAULT_PACK_ALLOWED)] = Packs()
    lifelike: Annotated[bool, Meta(description="Whether packs that look like real persons may be chosen.")] = False
    quiet_hours: Annotated[
        QuietHours | None,
        checked(
            "Hours of the day in which no photo changes; they may go past midnight. Left out: none.",
            rules.QUIET_FOR_A_WHILE,
        ),
    ] = None
    working_days: Annotated[
        tuple[Weekday, ...],
        Meta(
            description="Days on which photos change. Left out: every day.",
            min_length=1,
            max_length=7,
            extra_json_schema=SET,
        ),
    ] = ()
    zone: Annotated[
        str,
        rules.ZONE_FORM,
        Meta(description="Time zone of quietHours and workingDays. Left out: the zone of each member."),
    ] = ""
    max_members: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(
            description="How many members there may be; who leaves gives up the place. Lowering it sends nobody away: "
            "only who comes new, or comes back, is told that no place is left. Left out: any number."
        ),
    ] = None
    limits: Annotated[
        CallLimits,
        Meta(
            description="How often Slack may be called for this workspace. Left out: a little less than Slack allows."
        ),
    ] = CallLimits()


class TenantSpec(Part, frozen=True, kw_only=True):
    """What is wanted of one workspace."""

    workspace: Annotated[
        str,
        rules.WORKSPACE_FORM,
        checked(
            "Id of the Slack workspace (T0123ABCD), or of the Enterprise organisation (E0123ABCD) where the app is "
            "installed for all of it. It cannot change.",
            rules.SAME_WORKSPACE,
        ),
    ]
    bot_token: Annotated[
        TokenReference | None,
        Meta(
            description="Where the bot token is, from the page OAuth & Permissions of the Slack app. Left out: the "
            "token comes from installing the app in a browser."
        ),
    ] = None
    app: Annotated[
        SlackApp | None,
        Meta(description="A Slack app of the tenant's own. Left out: the one that this installation is set up with."),
    ] = None
    policy: Annotated[
        TenantPolicy, Meta(description="What members may choose, and when photos change. Left out: everything, always.")
    ] = TenantPolicy()
    suspend: Annotated[
        bool,
        Meta(description="Whether the workspace rests: no photo changes until this is false again; nothing is lost."),
    ] = False
    deletion_policy: Annotated[
        Literal["Delete", "Retain"],
        Meta(
            description="What deleting the SlackTenant does. Delete: the app stops, credentials are destroyed at once, "
            "what members chose goes after the retention. Retain: everything goes on as it is, undeclared."
        ),
    ] = "Delete"
    resync_period: Annotated[
        str,
        rules.PERIOD_FORM,
        checked(
            "How often everything is compared again even when nothing seems to have changed, such as 10m: from 1m to "
            "24h. Changes of SlackTenants and of Secrets with the label rotavatar.dev/credential=true are noticed at "
            "once.",
            rules.PERIOD_IN_BOUNDS,
        ),
    ] = "10m"


class Condition(Part, frozen=True, kw_only=True):
    """One aspect of the state, as every Kubernetes tool reads it (metav1.Condition)."""

    type: Annotated[
        str,
        Meta(
            description="Which aspect: Ready, SecretsResolved, CredentialsValid, Synced or Saturated.",
            pattern="^[A-Z][A-Za-z]*$",
            max_length=64,
        ),
    ]
    status: Annotated[Literal["True", "False", "Unknown"], Meta(description="Whether it holds.")]
    reason: Annotated[
        str, Meta(description="Why, in one word.", pattern="^[A-Z][A-Za-z0-9]*$", min_length=1, max_length=64)
    ]
    message: Annotated[str, Meta(description="Why, as a sentence that says what to do.", max_length=1024)] = ""
    last_transition_time: Annotated[
        str, Meta(description="When the status last changed.", extra_json_schema={"format": "date-time"})
    ]
    observed_generation: Annotated[int, Meta(description="The metadata.generation that this was found for.", ge=0)] = 0


class WorkspaceFacts(Part, frozen=True, kw_only=True):
    """What Slack says of the workspace."""

    name: Annotated[str, Meta(description="What the workspace is called.", max_length=256)] = ""
    enterprise: Annotated[
        str, Meta(description="Id of the Enterprise organisation that it belongs to, if any.", max_length=21)
    ] = ""


class CredentialSeen(Part, frozen=True, kw_only=True):
    """Which Secret the bot token in use was read from; never what is in it."""

    secret_uid: Annotated[str, Meta(description="Uid of the Secret.", max_length=64)] = msgspec.field(name="secretUID")
    resource_version: Annotated[str, Meta(description="resourceVersion of the Secret.", max_length=64)]


class Rotations(Part, frozen=True, kw_only=True):
    """How many changes of photos are asked for, and how many Slack allows; only there while it is too many."""

    wanted_per_hour: Annotated[
        int, Meta(description="Changes an hour that the members' choices come to, to two digits.", ge=0)
    ]
    allowed_per_hour: Annotated[int, Meta(description="Changes an hour that the limits allow, to two digits.", ge=0)]


class TenantStatus(Part, frozen=True, kw_only=True):
    """What was found, and done."""

    observed_generation: Annotated[
        int, Meta(description="The metadata.generation that the status was found for.", ge=0)
    ] = 0
    conditions: Annotated[
        tuple[Condition, ...],
        Meta(
            description="The state by aspects; docs/slacktenant.md has every reason with what to do.",
            max_length=16,
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    workspace: Annotated[WorkspaceFacts | None, Meta(description="What Slack says of the workspace.")] = None
    credential: Annotated[
        CredentialSeen | None, Meta(description="Which Secret the bot token in use was read from.")
    ] = None
    rotations: Annotated[
        Rotations | None, Meta(description="Wanted and allowed changes an hour, while more are wanted than allowed.")
    ] = None
    install_url: Annotated[
        str, Meta(description="Where to install the app, while it is not installed.", max_length=2048)
    ] = msgspec.field(name="installURL", default="")


class Metadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What Rotavatar reads of an object's metadata."""

    name: str
    namespace: str
    uid: str
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()


class SlackTenant(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant of one Slack workspace."""

    metadata: Metadata
    spec: TenantSpec
    status: TenantStatus = TenantStatus()


def read_tenant(body: Mapping[str, Any]) -> SlackTenant:
    """A SlackTenant as the API server sends it. Raises ValueError (msgspec's) that names the field it cannot take."""
    return msgspec.convert(body, SlackTenant)


def written(part: Part) -> dict[str, Any]:
    """A part of a SlackTenant as Kubernetes takes it; what is at its default is left out."""
    plain: dict[str, Any] = msgspec.to_builtins(part)
    return plain
