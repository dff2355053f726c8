"""What is watched beside the promises: causes, which say where to look, and what no promise notices."""

from typing import Final

from charts.alerting.model import Alert, Severity

PAGE, TICKET = Severity.PAGE, Severity.TICKET


def _alert(family: str, severity: Severity, name: str, expr: str, lasting: str, summary: str, **more: str) -> Alert:  # noqa: PLR0917 - one line each
    return Alert(
        name=f"Rotavatar{name}", family=family, severity=severity, expr=expr, lasting=lasting, summary=summary, **more
    )


def _share(part: str, whole: str, *, above: float, least: int, window: str, by: str = "") -> str:
    """More than a share of a counter's increase, where there was enough of it."""
    group = f" by ({by})" if by else ""
    some, all_ = (f"sum{group} (increase({metric}[{window}]))" for metric in (part, whole))
    return f"{some} / {all_} > {above:g} and {all_} >= {least}"


def _missing(process: str) -> str:
    return f'absent(rotavatar_build_info{{process="{process}"}})'


CALLS: Final = "rotavatar_slack_calls_total"
MISSING: Final = 'rotavatar_tokens{owner="member",state="missing"}'
SEALED: Final = 'rotavatar_tokens{owner="member",state="sealed"}'
REQUESTS: Final = 'rotavatar_ingress_requests_total{route=~"events|interactions|commands|options"}'

ACKING: Final = (
    _alert(
        "acking", TICKET, "SlackRepeatsEvents",
        _share(
            "rotavatar_ingress_slack_retries_total", 'rotavatar_ingress_requests_total{route="events"}',
            above=0.05, least=100, window="30m",
        ), "10m",
        "Slack sends more than one event in twenty again, because it believes that it was not answered.",
    ),
    _alert(
        "acking", PAGE, "SignaturesRefused",
        _share(
            REQUESTS.replace("}", ',reason="signature"}'), REQUESTS, above=0.5, least=20, window="15m",
        ), "5m",
        "Most requests to the routes of Slack are refused for their signature: clicks and commands fail.",
    ),
)  # fmt: skip

ROTATIONS: Final = (
    _alert(
        "rotations", PAGE, "RotationsStalled",
        'max(rotavatar_ready_oldest_seconds{work="rotations"}) > 300', "5m",
        "Photos are due and Slack's limits allow them, and nobody has begun them for five minutes.",
    ),
    _alert(
        "rotations", TICKET, "RotationsPutOff",
        _share(
            'rotavatar_rotations_total{outcome="put off"}', "rotavatar_rotations_total",
            above=0.2, least=20, window="30m",
        ), "10m",
        "More than a fifth of the rotations wait for the photo store or for a vault key.",
    ),
    _alert(
        "rotations", TICKET, "MemberGivenUp",
        'sum(increase(rotavatar_rotations_total{outcome="given up"}[1h])) > 0', "0m",
        "A member was given up, because five rotators in a row ended while they worked on them.",
        keep="1h",
    ),
    _alert(
        "rotations", TICKET, "PhotoSweepRefused",
        'sum(increase(rotavatar_photos_swept_total{outcome="refused"}[1d])) > 0', "0m",
        "Most photos in the store are in no record: this store and this Redis hardly belong together.",
        keep="1h",
    ),
)  # fmt: skip

HOME_TABS: Final = (
    _alert(
        "home-tabs", PAGE, "HomeTabsStalled",
        'max(rotavatar_ready_oldest_seconds{work="publishes"}) > 120', "5m",
        "Home tabs are wanted and Slack's limits allow them, and nobody has published them for two minutes.",
    ),
    _alert(
        "home-tabs", TICKET, "HomeTabsDegraded",
        _share(
            "rotavatar_publishes_degraded_total", 'rotavatar_publishes_total{outcome="ok"}',
            above=0.1, least=20, window="1h",
        ), "10m",
        "More than a tenth of the Home tabs are shown without pictures, or as a short notice only.",
    ),
)  # fmt: skip

TENANTS: Final = (
    _alert(
        "tenants", TICKET, "OperatorMissing",
        f'{_missing("operator")} and on() count(last_over_time(rotavatar_build_info{{process="operator"}}[1d])) > 0',
        "10m",
        "The operator is gone: changes of SlackTenants and Secrets are not noticed. Those known go on to work.",
    ),
    _alert(
        "tenants", TICKET, "ReconcilesFail",
        _share(
            'rotavatar_operator_reconcile_seconds_count{outcome="failed"}',
            "rotavatar_operator_reconcile_seconds_count", above=0.2, least=10, window="30m",
        ), "10m",
        "More than a fifth of the operator's rounds fail.",
    ),
    _alert(
        "tenants", TICKET, "KubernetesRefuses",
        'sum(increase(rotavatar_operator_kubernetes_errors_total{code=~"401|403"}[15m])) > 3', "10m",
        "The Kubernetes API refuses what the operator asks: a right is missing.",
    ),
    _alert(
        "tenants", TICKET, "ManyTenantsNotReady",
        'sum(rotavatar_operator_tenants{condition="Ready",status="False"}) > 2 and '
        'sum(rotavatar_operator_tenants{condition="Ready",status="False"}) > '
        '0.1 * sum(rotavatar_operator_tenants{condition="Ready"})', "30m",
        "More than a tenth of the SlackTenants are not ready, which one tenant's mistake does not explain.",
    ),
    _alert(
        "tenants", TICKET, "TenantsSaturated",
        'sum(rotavatar_operator_tenants{condition="Saturated",status="True"}) > 0', "6h",
        "In some workspace members ask for more photos than Slack's limits allow: they change later than planned.",
    ),
)  # fmt: skip

REDIS: Final = (
    _alert(
        "redis", PAGE, "RedisAway", "count(rotavatar_redis_up == 0) > 0", "2m",
        "Some process gets no answer from Redis: Slack's requests are not taken, or no photo changes.",
    ),
)  # fmt: skip

JOBS: Final = (
    _alert(
        "jobs", PAGE, "JobsWait", 'max by (stream) (rotavatar_stream_oldest_seconds{state="waiting"}) > 120', "5m",
        "Jobs wait for two minutes until somebody reads them: clicks show no effect.",
    ),
    _alert(
        "jobs", TICKET, "JobsStuck", 'max by (stream) (rotavatar_stream_oldest_seconds{state="pending"}) > 900', "5m",
        "A job was begun a quarter of an hour ago, and is neither done nor a dead letter.",
    ),
    _alert(
        "jobs", TICKET, "DeadLetters", "sum(max by (partition) (rotavatar_dead_letters)) > 0", "5m",
        "Jobs that nobody could do wait for a person.",
    ),
    _alert(
        "jobs", TICKET, "LagUnknown", "min by (stream) (rotavatar_stream_lag_known) == 0", "15m",
        "Redis cannot tell how many jobs wait: what scales by it, and who watches it, are blind.",
    ),
    _alert(
        "jobs", PAGE, "SharedFactsUntold",
        "(sum(rotavatar_shared_facts_holder) or vector(0)) == 0", "5m",
        "No rotator or publisher tells what waits: every alert about backlog is blind.",
    ),
)  # fmt: skip

PROCESSES: Final = (
    _alert(
        "processes", PAGE, "ProcessMissing", " or ".join(map(_missing, ("ingress", "rotator", "publisher"))), "5m",
        "Of one kind of process none tells its metrics: ingress, rotator or publisher.",
    ),
    _alert(
        "processes", PAGE, "WorkerStuck", "max by (loop) (rotavatar_heartbeat_age_seconds) > 90", "2m",
        "A worker's loop does not turn, and Kubernetes did not restart the process.",
    ),
    _alert(
        "processes", TICKET, "LoopLate", "max(min_over_time(rotavatar_loop_lag_seconds[5m])) > 0.5", "10m",
        "The event loop of a process is late all the time: it has more to do than one core can.",
    ),
    _alert(
        "processes", TICKET, "VersionsDiffer", "count(count by (version) (rotavatar_build_info)) > 1", "2h",
        "Processes of different versions run for two hours: a rollout is stuck.",
    ),
)  # fmt: skip

SLACK: Final = (
    _alert(
        "slack", TICKET, "SlackRateLimits",
        _share(f'{CALLS}{{outcome="ratelimited"}}', CALLS, above=0.1, least=20, window="15m", by="method"), "10m",
        "Slack refuses more than a tenth of the calls of a method because there are too many.",
    ),
    _alert(
        "slack", PAGE, "SlackFails",
        _share(f'{CALLS}{{outcome="busy"}}', CALLS, above=0.5, least=20, window="15m"), "10m",
        "More than half of the calls to Slack fail or get no answer.",
    ),
    _alert(
        "slack", TICKET, "TokensDie",
        _share(f'{CALLS}{{outcome="credential_dead"}}', CALLS, above=0.05, least=100, window="1h"), "10m",
        "Slack says of many tokens that they are dead, far more than people who leave explain.",
    ),
    _alert(
        "slack", TICKET, "ManyTokensMissing",
        f"max({MISSING}) > 20 and max({MISSING}) > 0.2 * max({SEALED})",
        "30m",
        "More than one in six members would have to connect again before their photo changes.",
    ),
)  # fmt: skip

VAULT: Final = (
    _alert(
        "vault", PAGE, "VaultKeyMissing", "max(rotavatar_vault_missing_keys) > 0", "5m",
        "Tokens are sealed with a key that the processes do not have: those photos and Home tabs stay as they are.",
    ),
    _alert(
        "vault", TICKET, "CensusOld",
        "time() - max(rotavatar_census_timestamp_seconds > 0) > 3600", "10m",
        "Members, tokens and keys were not counted for an hour.",
    ),
)  # fmt: skip

CAUSES: Final = (*ACKING, *ROTATIONS, *HOME_TABS, *TENANTS, *REDIS, *JOBS, *PROCESSES, *SLACK, *VAULT)
