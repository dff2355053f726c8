"""What the API server checks of a SlackTenant, and the sentence that a person reads when it refuses.

A pattern alone is answered with the pattern. So each form carries the same check once more as a rule with a sentence,
which says what to write. Rules are CEL (https://kubernetes.io/docs/reference/using-api/cel/); every one has an accepted
and a refused example in tests/cluster.
"""

from typing import Any, Final, NamedTuple

import msgspec

VALIDATIONS: Final = "x-kubernetes-validations"


class Rule(NamedTuple):
    """A CEL expression over `self`, what is said when it is false, and the field below it that is to blame."""

    expression: str
    message: str
    field: str = ""

    def as_schema(self) -> dict[str, str]:
        """As a resource definition writes it."""
        place = {"fieldPath": self.field} if self.field else {}
        return {"rule": self.expression, "message": self.message, **place}


def checked(description: str, *rules: Rule, **schema: Any) -> msgspec.Meta:
    """The description of a field that rules apply to; `schema` are further words of its schema."""
    validations = {VALIDATIONS: [rule.as_schema() for rule in rules]} if rules else {}
    return msgspec.Meta(description=description, extra_json_schema={**validations, **schema})


def form(pattern: str, message: str, *, longest: int) -> msgspec.Meta:
    """A text of a certain form and length. The pattern is read alike by RE2 and Python: no backslashes, ASCII only."""
    rule = Rule(f"self.matches('{pattern}')", message)
    return msgspec.Meta(pattern=pattern, max_length=longest, extra_json_schema={VALIDATIONS: [rule.as_schema()]})


SAME_WORKSPACE: Final = Rule(
    "self == oldSelf",
    "the workspace of a SlackTenant cannot change, as members and credentials belong to it: create another SlackTenant "
    "for the other workspace, and delete this one",
)

_OTHER_APP: Final = (
    "the Slack app of a SlackTenant cannot change, as the members' consents belong to it: set deletionPolicy to "
    "Retain, delete this SlackTenant and create it again"
)

SAME_APP: Final = Rule("self == oldSelf", _OTHER_APP)

APP_STAYS: Final = Rule("has(self.app) == has(oldSelf.app)", _OTHER_APP, ".app")
"""A rule over a field is passed over where the field comes or goes, so that is checked one level above."""

BURST_BELOW_RATE: Final = Rule(
    "self.burst < self.perMinute",
    "burst must be less than perMinute: what leaves at once counts against the minute",
    ".burst",
)

DEFAULT_FREQUENCY_ALLOWED: Final = Rule(
    "self.default == 'off' || !has(self.allowed) || self.default in self.allowed",
    "the default must be off or one of the allowed frequencies: add it to allowed, or choose another default",
    ".default",
)

DEFAULT_PACK_ALLOWED: Final = Rule(
    "!has(self.allowed) || self.default in self.allowed",
    "the default must be one of the allowed packs: add it to allowed, or choose another default",
    ".default",
)

QUIET_FOR_A_WHILE: Final = Rule(
    "self.from != self.to",
    "quiet hours must end at another time than they begin: leave quietHours out for none, or suspend the tenant",
    ".to",
)

_PERIOD: Final = "^([0-9]{1,2}h([0-9]{1,2}m)?|[0-9]{1,4}m([0-9]{1,2}s)?|[0-9]{1,5}s)$"

PERIOD_FORM: Final = form(_PERIOD, "must be a duration such as 10m, 90s or 1h30m", longest=8)

PERIOD_IN_BOUNDS: Final = Rule(
    f"!self.matches('{_PERIOD}') || (duration(self) >= duration('1m') && duration(self) <= duration('24h'))",
    "must be from 1m to 24h: more often is a burden, more rarely leaves changed Secrets without the label unread",
)
"""What is no duration at all fails PERIOD_FORM, and must not fail here with an error of the expression."""

WORKSPACE_FORM: Final = form(
    "^[TE][A-Z0-9]{2,20}$",
    "must be the id of a Slack workspace (T0123ABCD) or of an Enterprise organisation (E0123ABCD): it stands in the "
    "address of Slack in a browser, after /client/",
    longest=21,
)

APP_ID_FORM: Final = form(
    "^A[A-Z0-9]{2,30}$",
    "must be the App ID of a Slack app (A0123ABCD): it is on the page Basic Information of the app",
    longest=31,
)

CLIENT_ID_FORM: Final = form(
    "^[0-9]{1,30}[.][0-9]{1,30}$",
    "must be the Client ID of a Slack app (digits.digits): it is on the page Basic Information of the app",
    longest=61,
)

SECRET_NAME_FORM: Final = form(
    "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    "must be the name of a Secret in the namespace of the SlackTenant: small letters, digits, '-' and '.'",
    longest=253,
)

SECRET_KEY_FORM: Final = form(
    "^[-._a-zA-Z0-9]+$",
    "must be a key of the Secret: letters, digits, '-', '_' and '.'",
    longest=253,
)

PACK_FORM: Final = form(
    "^[a-z][a-z0-9-]{1,10}$",
    "must be the key of a pack such as critters: rotavatar catalogue packs lists them",
    longest=11,
)

TIME_FORM: Final = form(
    "^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "must be a time of day in quotes, from '00:00' to '23:59'",
    longest=5,
)

ZONE_FORM: Final = form(
    "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$",
    "must be the name of a time zone such as Europe/Berlin or UTC (https://www.iana.org/time-zones)",
    longest=64,
)
