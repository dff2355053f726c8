"""Everything that the definition of SlackTenant checks, and an accepted and a refused example of each.

`found` reads the checks out of the definition, so that one without examples makes a test fail.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

from slacktenant_operator import crd, model, rules

WORDS: Final = ("pattern", "enum", "minimum", "maximum", "minItems", "maxItems", "maxLength", "format")

Key = tuple[str, str]
"""Path of a field, and what is checked there: a word of the schema, `unique`, `required NAME`, or a rule."""


class Example(NamedTuple):
    """What a field may be set to and what not; `says` is part of the sentence that a person gets."""

    taken: Any
    refused: Any
    says: str


def found() -> list[Key]:
    """Every check of the definition."""
    schema = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return [key for part in ("spec", "status") for key in _below(schema["properties"][part], f".{part}")]


def _below(node: dict[str, Any], path: str) -> Iterator[Key]:
    yield from ((path, word) for word in WORDS if word in node)
    yield from ((path, rule["rule"]) for rule in node.get(rules.VALIDATIONS, ()))
    if "x-kubernetes-list-type" in node:
        yield path, "unique"
    yield from ((path, f"required {name}") for name in node.get("required", ()))
    for name, below in node.get("properties", {}).items():
        yield from _below(below, f"{path}.{name}")
    if "items" in node:
        yield from _below(node["items"], f"{path}[]")


REFERENCE: Final = {"name": "acme-app", "key": "value"}

SPEC: Final[dict[str, Any]] = {
    "workspace": "T0123ACME",
    "botToken": {"name": "acme-slack"},
    "app": {
        "appID": "A0123ACME",
        "clientID": "123.456",
        "clientSecret": REFERENCE,
        "signingSecrets": [REFERENCE],
    },
    "policy": {
        "frequencies": {"allowed": ["1h"], "default": "off"},
        "packs": {"allowed": ["critters"], "default": "critters"},
        "quietHours": {"from": "18:00", "to": "08:00"},
        "workingDays": ["Mon"],
        "limits": {
            "photo": {"perMinute": 20, "burst": 1},
            "profile": {"perMinute": 100, "burst": 1},
            "publish": {"perMinute": 100, "burst": 1},
        },
    },
}
"""A spec in which every list has an item, so that every path leads somewhere."""

CONDITION: Final = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "lastTransitionTime": "2026-01-02T03:04:05Z",
    "observedGeneration": 1,
}

STATUS: Final[dict[str, Any]] = {
    "observedGeneration": 1,
    "conditions": [CONDITION],
    "workspace": {"name": "Acme"},
    "credential": {"secretUID": "5a", "resourceVersion": "7"},
    "rotations": {"wantedPerHour": 1, "allowedPerHour": 1},
}


def changed(whole: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `whole` ({"spec": …, "status": …}) with another value at `path`; `[]` is the first item."""
    copy = deepcopy(whole)
    steps = path.strip(".").replace("[]", ".[]").split(".")
    node: Any = copy
    for step in steps[:-1]:
        node = node[0] if step == "[]" else node[step]
    node[0 if steps[-1] == "[]" else steps[-1]] = value
    return copy


def _without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != name}


def _form(path: str, taken: str, refused: str, says: str, *, longest: int) -> dict[Key, Example]:
    """A text: its pattern, the sentence beside it, its length."""
    pattern = next(node for key, node in _nodes() if key == path)["pattern"]
    return {
        (path, "pattern"): Example(taken, refused, f"should match '{pattern}'"),
        (path, f"self.matches('{pattern}')"): Example(taken, refused, says),
        (path, "maxLength"): _length(taken, longest),
    }


def _nodes() -> Iterator[tuple[str, dict[str, Any]]]:
    def walk(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        yield path, node
        for name, below in node.get("properties", {}).items():
            yield from walk(below, f"{path}.{name}")
        if "items" in node:
            yield from walk(node["items"], f"{path}[]")

    yield from walk(crd.schema_of(model.TenantSpec), ".spec")


def _length(taken: Any, longest: int) -> Example:
    return Example(taken, "a" * (longest + 1), f"may not be more than {longest} ")


def _reference(path: str, example: dict[str, str]) -> dict[Key, Example]:
    return {
        **_form(
            f"{path}.name", "acme.slack-2", "Acme_Slack", "must be the name of a Secret in the namespace", longest=253
        ),
        **_form(f"{path}.key", "bot_token.v2", "bot token", "must be a key of the Secret", longest=253),
        (path, "required name"): Example(example, {"key": "token"}, "name: Required value"),
    }


def _one_of(path: str, taken: str) -> dict[Key, Example]:
    return {(path, "enum"): Example(taken, "sometimes", 'Unsupported value: "sometimes": supported values: ')}


def _whole(path: str, least: int, most: int | None = None) -> dict[Key, Example]:
    examples = {(path, "minimum"): Example(least, least - 1, f"should be greater than or equal to {least}")}
    if most is not None:
        examples[path, "maximum"] = Example(most, most + 1, f"should be less than or equal to {most}")
    return examples


def _list(path: str, one: list[Any], many: list[Any], *, unique: bool) -> dict[Key, Example]:
    """A list of at least one and at most `len(many)` items."""
    most = len(many)
    examples = {
        (path, "minItems"): Example(one, [], "should have at least 1 items"),
        (path, "maxItems"): Example(many, [*many, many[0]], f"must have at most {most} items"),
    }
    if unique:
        examples[path, "unique"] = Example(one, one * 2, "Duplicate value")
    return examples


def _limit(path: str, most: int) -> dict[Key, Example]:
    return {
        **_whole(f"{path}.perMinute", 3, most),
        **_whole(f"{path}.burst", 1, most - 1),
        (path, rules.BURST_BELOW_RATE.expression): Example(
            {"perMinute": 5, "burst": 4}, {"perMinute": 5, "burst": 5}, "burst must be less than perMinute"
        ),
        (path, "required perMinute"): Example({"perMinute": 5, "burst": 4}, {"burst": 4}, "perMinute: Required value"),
        (path, "required burst"): Example({"perMinute": 5, "burst": 4}, {"perMinute": 5}, "burst: Required value"),
    }


APP: Final = SPEC["app"]
POLICY: Final = SPEC["policy"]
FREQUENCIES: Final = ["off", "1h", "2h", "4h", "8h", "12h", "1d", "2d", "1w"]
DAYS: Final = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
PACKS: Final = ["critters", *(f"pack-{number}" for number in range(63))]
OFF_OR_ALLOWED: Final = "the default must be off or one of the allowed frequencies"

SPEC_EXAMPLES: Final[dict[Key, Example]] = {
    (".spec", "required workspace"): Example({"workspace": "T0123ACME"}, {}, "workspace: Required value"),
    **_form(".spec.workspace", "E0123UMBR", "acme", "must be the id of a Slack workspace (T0123ABCD) or", longest=21),
    **_reference(".spec.botToken", REFERENCE),
    **{
        (".spec.app", f"required {name}"): Example(APP, _without(APP, name), f"{name}: Required value")
        for name in ("appID", "clientID", "clientSecret", "signingSecrets")
    },
    **_form(".spec.app.appID", "A0123ACME", "acme", "must be the App ID of a Slack app", longest=31),
    **_form(".spec.app.clientID", "12.34", "acme", "must be the Client ID of a Slack app", longest=61),
    **_reference(".spec.app.clientSecret", REFERENCE),
    **_list(".spec.app.signingSecrets", [REFERENCE], [REFERENCE] * 4, unique=False),
    **_reference(".spec.app.signingSecrets[]", REFERENCE),
    (".spec.app.signingSecrets[]", "required key"): Example(REFERENCE, {"name": "acme-app"}, "key: Required value"),
    **_list(".spec.policy.frequencies.allowed", ["1h"], FREQUENCIES, unique=True),
    **_one_of(".spec.policy.frequencies.allowed[]", "1w"),
    **_one_of(".spec.policy.frequencies.default", "1h"),
    (".spec.policy.frequencies", rules.DEFAULT_FREQUENCY_ALLOWED.expression): Example(
        {"allowed": ["1h", "1d"], "default": "1d"}, {"allowed": ["1h", "1d"], "default": "2d"}, OFF_OR_ALLOWED
    ),
    **_list(".spec.policy.packs.allowed", ["critters"], PACKS, unique=True),
    **_form(".spec.policy.packs.allowed[]", "critters", "Nice Cats", "must be the key of a pack", longest=11),
    **_form(".spec.policy.packs.default", "critters", "Nice Cats", "must be the key of a pack", longest=11),
    (".spec.policy.packs", rules.DEFAULT_PACK_ALLOWED.expression): Example(
        {"allowed": ["robots"], "default": "robots"}, {"allowed": ["robots"]}, "must be one of the allowed packs"
    ),
    **{
        (".spec.policy.quietHours", f"required {name}"): Example(
            POLICY["quietHours"], _without(POLICY["quietHours"], name), f"{name}: Required value"
        )
        for name in ("from", "to")
    },
    **_form(".spec.policy.quietHours.from", "23:59", "24:00", "must be a time of day in quotes", longest=5),
    **_form(".spec.policy.quietHours.to", "00:00", "8:00", "must be a time of day in quotes", longest=5),
    (".spec.policy.quietHours", rules.QUIET_FOR_A_WHILE.expression): Example(
        {"from": "18:00", "to": "18:01"}, {"from": "18:00", "to": "18:00"}, "must end at another time than they begin"
    ),
    **_list(".spec.policy.workingDays", ["Mon"], DAYS, unique=True),
    **_one_of(".spec.policy.workingDays[]", "Sun"),
    **_form(
        ".spec.policy.zone", "America/Argentina/Buenos_Aires", "Berlin, Germany", "must be the name of a", longest=64
    ),
    **_whole(".spec.policy.maxMembers", 1, 1_000_000),
    **_limit(".spec.policy.limits.photo", 20),
    **_limit(".spec.policy.limits.profile", 100),
    **_limit(".spec.policy.limits.publish", 100),
    **_one_of(".spec.deletionPolicy", "Retain"),
    **_form(".spec.resyncPeriod", "1h30m", "often", "must be a duration such as 10m, 90s or 1h30m", longest=8),
    (".spec.resyncPeriod", rules.PERIOD_IN_BOUNDS.expression): Example("60s", "59s", "must be from 1m to 24h"),
}

STATUS_EXAMPLES: Final[dict[Key, Example]] = {
    **_whole(".status.observedGeneration", 0),
    (".status.conditions", "maxItems"): Example(
        [CONDITION], [{**CONDITION, "type": f"Odd{chr(65 + n)}"} for n in range(17)], "must have at most 16 items"
    ),
    (".status.conditions", "unique"): Example([CONDITION], [CONDITION, CONDITION], "Duplicate value"),
    **{
        (".status.conditions[]", f"required {name}"): Example(CONDITION, _without(CONDITION, name), "Required value")
        for name in ("type", "status", "reason", "lastTransitionTime")
    },
    (".status.conditions[].type", "pattern"): Example("Synced", "not synced", "should match"),
    (".status.conditions[].type", "maxLength"): _length("Synced", 64),
    (".status.conditions[].status", "enum"): Example("Unknown", "Maybe", "Unsupported value"),
    (".status.conditions[].reason", "pattern"): Example("Ready", "because", "should match"),
    (".status.conditions[].reason", "maxLength"): _length("Ready", 64),
    (".status.conditions[].message", "maxLength"): _length("It works.", 1024),
    (".status.conditions[].lastTransitionTime", "format"): Example(
        "2026-01-02T03:04:05Z", "yesterday", "must be of type date-time"
    ),
    **_whole(".status.conditions[].observedGeneration", 0),
    (".status.workspace.name", "maxLength"): _length("Acme", 256),
    (".status.workspace.enterprise", "maxLength"): _length("E0123UMBR", 21),
    **{
        (".status.credential", f"required {name}"): Example(
            STATUS["credential"], _without(STATUS["credential"], name), "Required value"
        )
        for name in ("secretUID", "resourceVersion")
    },
    (".status.credential.secretUID", "maxLength"): _length("5a", 64),
    (".status.credential.resourceVersion", "maxLength"): _length("7", 64),
    **{
        (".status.rotations", f"required {name}"): Example(
            STATUS["rotations"], _without(STATUS["rotations"], name), "Required value"
        )
        for name in ("wantedPerHour", "allowedPerHour")
    },
    **_whole(".status.rotations.wantedPerHour", 0),
    **_whole(".status.rotations.allowedPerHour", 0),
    (".status.installURL", "maxLength"): _length("https://rota.example.com/slack/install", 2048),
}

CHANGES: Final[dict[Key, tuple[Example, dict[str, Any]]]] = {
    (".spec.workspace", rules.SAME_WORKSPACE.expression): (
        Example({"workspace": "T0123ACME"}, {"workspace": "T0123GLOB"}, "create another SlackTenant for the other"),
        {"workspace": "T0123ACME"},
    ),
    (".spec.app.appID", rules.SAME_APP.expression): (
        Example({"app": {"clientID": "1.2"}}, {"app": {"appID": "A0123GLOB"}}, "set deletionPolicy to Retain, delete"),
        SPEC,
    ),
    (".spec", rules.APP_STAYS.expression): (
        Example({"suspend": True}, {"app": None}, "set deletionPolicy to Retain, delete this SlackTenant"),
        SPEC,
    ),
}
"""What is checked when something changes: an example of a merge patch to the spec, and the spec before it."""
