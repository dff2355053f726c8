"""What each alert must notice, and what it must leave alone, as series that Prometheus would have scraped.

The values are promtool's: `0+6x60` begins at 0 and grows by 6 sixty times, one step a minute unless `step` says more.
"""

from typing import Final

import msgspec

Series = dict[str, str]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Series that make the alert fire at the time `at`, and others that must not."""

    fires: tuple[Series, ...]
    silent: tuple[Series, ...]
    at: str = "60m"
    step: str = "1m"


def _requests(good: str, bad: str, *, outcome: str = "shed", reason: str = "redis", fast: str = "") -> Series:
    route = 'route="events"'
    return {
        f'rotavatar_ingress_requests_total{{{route},outcome="accepted",reason="job"}}': good,
        f'rotavatar_ingress_requests_total{{{route},outcome="{outcome}",reason="{reason}"}}': bad,
        f"rotavatar_ingress_ack_seconds_count{{{route}}}": good,
        f'rotavatar_ingress_ack_seconds_bucket{{{route},le="1.0"}}': fast or good,
    }


def _late(all_: str, in_time: str) -> Series:
    name = "rotavatar_rotation_lateness_seconds"
    return {
        f'{name}_count{{cause="ours"}}': all_,
        f'{name}_bucket{{cause="ours",le="60.0"}}': in_time,
        f'{name}_count{{cause="slack"}}': all_,
        f'{name}_bucket{{cause="slack",le="60.0"}}': "0x500",
    }


def _shown(all_: str, in_time: str, looking: str = "yes") -> Series:
    name = "rotavatar_publish_latency_seconds"
    return {
        f'{name}_count{{looking="{looking}"}}': all_,
        f'{name}_bucket{{looking="{looking}",le="5.0"}}': in_time,
    }


def _calls(outcome: str, bad: str, good: str) -> Series:
    name = 'rotavatar_slack_calls_total{method="users.setPhoto",outcome='
    return {f'{name}"{outcome}"}}': bad, f'{name}"ok"}}': good}


def _rotations(outcome: str, bad: str, good: str) -> Series:
    return {
        f'rotavatar_rotations_total{{outcome="{outcome}"}}': bad,
        'rotavatar_rotations_total{outcome="changed"}': good,
    }


def _tenants(kind: str, *, bad: tuple[str, str], good: tuple[str, str]) -> Series:
    name = f'rotavatar_operator_tenants{{condition="{kind}",status='
    return {f'{name}"{bad[0]}"}}': bad[1], f'{name}"{good[0]}"}}': good[1]}


def _processes(*names: str, version: str = "1") -> Series:
    return {f'rotavatar_build_info{{process="{name}",version="{version}"}}': "1x500" for name in names}


ALL: Final = ("ingress", "rotator", "publisher")
WAITING: Final = 'rotavatar_stream_oldest_seconds{stream="schedule",state="waiting"}'
PENDING: Final = 'rotavatar_stream_oldest_seconds{stream="schedule",state="pending"}'
READY: Final = 'rotavatar_ready_oldest_seconds{work="rotations"}'
WANTED: Final = 'rotavatar_ready_oldest_seconds{work="publishes"}'
QUEUE: Final = "rotavatar_operator_queue_oldest_seconds"
ERRORS: Final = "rotavatar_operator_kubernetes_errors_total"
ROUNDS: Final = "rotavatar_operator_reconcile_seconds_count"
TOKENS: Final = 'rotavatar_tokens{owner="member",state='
SWEPT: Final = 'rotavatar_photos_swept_total{outcome="refused"}'

BURNS: Final = {
    "RotavatarAcksBurnsFast": Case(
        fires=(_requests("0+60x90", "0+3x90"), _requests("0+60x90", "0x90", fast="0+57x90")),
        silent=(
            _requests("0+60x90", "0+0.2x90"),  # less than a page is worth
            _requests("0+0.1x90", "0+0.1x90"),  # everything fails, six times an hour
            _requests("0+60x90", "0+60x30 1800x60"),  # it is over
            _requests("0+60x90", "0+60x90", outcome="refused", reason="signature"),  # no fault of ours
        ),
        at="80m",
    ),
    "RotavatarAcksBurnsSlowly": Case(
        fires=(_requests("0+300x400", "0+1x400"),),
        silent=(_requests("0+300x400", "0+0.1x400"), _requests("0+0.1x400", "0+0.1x400")),
        at="30h", step="15m",
    ),
    "RotavatarRotationsBurnsFast": Case(
        fires=(_late("0+10x90", "0+7x90"),),
        silent=(_late("0+10x90", "0+9.9x90"), _late("0+0.1x90", "0x90")),
        at="80m",
    ),
    "RotavatarRotationsBurnsSlowly": Case(
        fires=(_late("0+50x400", "0+48x400"),), silent=(_late("0+50x400", "0+49.9x400"),), at="30h", step="15m"
    ),
    "RotavatarHomeTabsBurnsFast": Case(
        fires=(_shown("0+10x90", "0+7x90"),),
        silent=(_shown("0+10x90", "0+9.9x90"), _shown("0+10x90", "0x90", looking="no"), _shown("0+0.1x90", "0x90")),
        at="80m",
    ),
    "RotavatarHomeTabsBurnsSlowly": Case(
        fires=(_shown("0+50x400", "0+48x400"),), silent=(_shown("0+50x400", "0+49.9x400"),), at="30h", step="15m"
    ),
    "RotavatarTenantsBurnsFast": Case(
        fires=({QUEUE: "0x30 90x60"},), silent=({QUEUE: "0x30 30x60"}, {QUEUE: "90x5 0x90"}), at="80m"
    ),
    "RotavatarTenantsBurnsSlowly": Case(
        fires=({QUEUE: "0x20 90x4 0x20 90x4 0x300"},), silent=({QUEUE: "0x400"}, {QUEUE: "30x400"}),
        at="4h30m", step="5m",
    ),
}  # fmt: skip

CASES: Final[dict[str, Case]] = BURNS | {
    "RotavatarSlackRepeatsEvents": Case(
        fires=({'rotavatar_ingress_slack_retries_total{reason="http_timeout"}': "0+1x90",
                'rotavatar_ingress_requests_total{route="events",outcome="accepted"}': "0+10x90"},),
        silent=({'rotavatar_ingress_slack_retries_total{reason="http_timeout"}': "0+1x90",
                 'rotavatar_ingress_requests_total{route="events",outcome="accepted"}': "0+100x90"},
                {'rotavatar_ingress_slack_retries_total{reason="http_timeout"}': "0+1x90",
                 'rotavatar_ingress_requests_total{route="events",outcome="accepted"}': "0+2x90"}),
    ),
    "RotavatarSignaturesRefused": Case(
        fires=(_requests("0+1x90", "0+9x90", outcome="refused", reason="signature"),),
        silent=(_requests("0+9x90", "0+1x90", outcome="refused", reason="signature"),
                _requests("0x90", "0+0.5x90", outcome="refused", reason="signature")),
    ),
    "RotavatarRotationsStalled": Case(fires=({READY: "0x5 400x90"},), silent=({READY: "200x90"}, {WANTED: "400x90"})),
    "RotavatarRotationsPutOff": Case(
        fires=(_rotations("put off", "0+1x90", "0+2x90"),),
        silent=(_rotations("put off", "0+1x90", "0+9x90"), _rotations("put off", "0+0.1x90", "0x90")),
    ),
    "RotavatarMemberGivenUp": Case(
        fires=(_rotations("given up", "0x30 1x60", "0+1x90"),), silent=(_rotations("given up", "7x90", "0+1x90"),),
    ),
    "RotavatarPhotoSweepRefused": Case(fires=({SWEPT: "0x30 4x60"},), silent=({SWEPT: "0x90"},)),
    "RotavatarHomeTabsStalled": Case(fires=({WANTED: "0x5 200x90"},), silent=({WANTED: "60x90"}, {READY: "200x90"})),
    "RotavatarHomeTabsDegraded": Case(
        fires=({'rotavatar_publishes_degraded_total{form="plain"}': "0+1x90",
                'rotavatar_publishes_total{outcome="ok"}': "0+5x90"},),
        silent=({'rotavatar_publishes_degraded_total{form="plain"}': "0+1x90",
                 'rotavatar_publishes_total{outcome="ok"}': "0+50x90"},
                {'rotavatar_publishes_degraded_total{form="plain"}': "0+0.1x90",
                 'rotavatar_publishes_total{outcome="ok"}': "0+0.1x90"}),
    ),
    "RotavatarOperatorMissing": Case(
        fires=({'rotavatar_build_info{process="operator"}': "1x30 stale _x60"},),
        silent=(_processes("operator"), _processes("ingress")),
    ),
    "RotavatarReconcilesFail": Case(
        fires=({f'{ROUNDS}{{outcome="failed"}}': "0+1x90", f'{ROUNDS}{{outcome="unchanged"}}': "0+1x90"},),
        silent=({f'{ROUNDS}{{outcome="failed"}}': "0+1x90", f'{ROUNDS}{{outcome="unchanged"}}': "0+20x90"},
                {f'{ROUNDS}{{outcome="failed"}}': "0+0.1x90"}),
    ),
    "RotavatarKubernetesRefuses": Case(
        fires=({f'{ERRORS}{{code="403"}}': "0+1x90"},), silent=({f'{ERRORS}{{code="409"}}': "0+1x90"},)
    ),
    "RotavatarManyTenantsNotReady": Case(
        fires=(_tenants("Ready", bad=("False", "5x90"), good=("True", "20x90")),),
        silent=(_tenants("Ready", bad=("False", "5x90"), good=("True", "200x90")),
                _tenants("Ready", bad=("False", "2x90"), good=("True", "3x90"))),
    ),
    "RotavatarTenantsSaturated": Case(
        fires=(_tenants("Saturated", bad=("True", "1x900"), good=("False", "9x900")),),
        silent=(_tenants("Saturated", bad=("True", "1x60 0x800"), good=("False", "9x900")),
                _tenants("Saturated", bad=("True", "0x900"), good=("False", "9x900"))),
        at="8h",
    ),
    "RotavatarRedisAway": Case(
        fires=({'rotavatar_redis_up{instance="a"}': "1x30 0x60", 'rotavatar_redis_up{instance="b"}': "1x90"},),
        silent=({'rotavatar_redis_up{instance="a"}': "1x59 0", 'rotavatar_redis_up{instance="b"}': "1x90"},),
    ),
    "RotavatarJobsWait": Case(fires=({WAITING: "0x5 130x90"},), silent=({WAITING: "60x90"}, {PENDING: "130x90"})),
    "RotavatarJobsStuck": Case(fires=({PENDING: "0x5 950x90"},), silent=({PENDING: "240x90"}, {WAITING: "950x90"})),
    "RotavatarDeadLetters": Case(
        fires=({'rotavatar_dead_letters{partition="3"}': "0x30 1x60"},),
        silent=({'rotavatar_dead_letters{partition="3"}': "0x90"},),
    ),
    "RotavatarLagUnknown": Case(
        fires=({'rotavatar_stream_lag_known{stream="publish"}': "1x30 0x60"},),
        silent=({'rotavatar_stream_lag_known{stream="publish"}': "1x50 0x3 1x60"},),
    ),
    "RotavatarSharedFactsUntold": Case(
        fires=({'rotavatar_shared_facts_holder{instance="a"}': "0x90"}, {"up": "1x90"}),
        silent=({'rotavatar_shared_facts_holder{instance="a"}': "0x90",
                 'rotavatar_shared_facts_holder{instance="b"}': "1x90"},),
    ),
    "RotavatarProcessMissing": Case(
        fires=(_processes("ingress", "publisher"), _processes("operator")), silent=(_processes(*ALL),)
    ),
    "RotavatarWorkerStuck": Case(
        fires=({'rotavatar_heartbeat_age_seconds{loop="claims"}': "0+60x90"},),
        silent=({'rotavatar_heartbeat_age_seconds{loop="claims"}': "1x90"},),
    ),
    "RotavatarLoopLate": Case(
        fires=({"rotavatar_loop_lag_seconds": "0.8x90"},),
        silent=({"rotavatar_loop_lag_seconds": "0.8 0.01x2 0.8 0.01x90"}, {"rotavatar_loop_lag_seconds": "0.1x90"}),
    ),
    "RotavatarVersionsDiffer": Case(
        fires=(_processes("ingress") | _processes("rotator", version="2"),),
        silent=(_processes(*ALL),
                {'rotavatar_build_info{version="1"}': "1x30", 'rotavatar_build_info{version="2"}': "_x25 1x300"}),
        at="4h",
    ),
    "RotavatarSlackRateLimits": Case(
        fires=(_calls("ratelimited", "0+2x90", "0+5x90"),),
        silent=(_calls("ratelimited", "0+1x90", "0+50x90"), _calls("ratelimited", "0+0.1x90", "0+0.1x90")),
    ),
    "RotavatarSlackFails": Case(
        fires=(_calls("busy", "0+9x90", "0+1x90"),),
        silent=(_calls("busy", "0+1x90", "0+9x90"), _calls("busy", "0+0.5x90", "0x90")),
    ),
    "RotavatarTokensDie": Case(
        fires=(_calls("credential_dead", "0+1x90", "0+5x90"),),
        silent=(_calls("credential_dead", "0+1x90", "0+50x90"), _calls("credential_dead", "0+0.5x90", "0+0.1x90")),
        at="80m",
    ),
    "RotavatarManyTokensMissing": Case(
        fires=({f'{TOKENS}"missing"}}': "30x90", f'{TOKENS}"sealed"}}': "100x90"},),
        silent=({f'{TOKENS}"missing"}}': "30x90", f'{TOKENS}"sealed"}}': "1000x90"},
                {f'{TOKENS}"missing"}}': "5x90", f'{TOKENS}"sealed"}}': "1x90"}),
    ),
    "RotavatarVaultKeyMissing": Case(
        fires=({"rotavatar_vault_missing_keys": "0x30 1x60"},), silent=({"rotavatar_vault_missing_keys": "0x90"},)
    ),
    "RotavatarCensusOld": Case(
        fires=({"rotavatar_census_timestamp_seconds": "60x200"},),
        silent=({"rotavatar_census_timestamp_seconds": "0+60x200"}, {"rotavatar_census_timestamp_seconds": "0x200"}),
        at="90m",
    ),
}  # fmt: skip
