"""Between a tenant's policy as people write it and as the services read it: pure functions, each other's inverse."""

import re
from types import MappingProxyType
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rotavatar.errors import ConfigurationError
from rotavatar.pacing import Limit, Limits
from rotavatar.policy import DAY, HOUR, Policy, Quiet
from slacktenant_operator import model, rules

UNIT_SECONDS: Final = MappingProxyType({"s": 1, "m": 60, "h": HOUR, "d": DAY, "w": 7 * DAY})

WEEKDAYS: Final[tuple[model.Weekday, ...]] = get_args(model.Weekday)

KEPT_FOR_LOOKING: Final = 5
"""One in so many publishes is kept for members who are looking at their Home tab."""


def seconds_of(period: str) -> int:
    """Seconds of a period or frequency such as `10m`, `1h30m`, `1w` or `off` (0)."""
    return sum(int(count) * UNIT_SECONDS[unit] for count, unit in re.findall("([0-9]+)([smhdw])", period))


_FREQUENCIES: Final = MappingProxyType({seconds_of(word): word for word in get_args(model.Frequency)})


def policy_of(written: model.TenantPolicy) -> Policy:
    """What the services go by.

    Raises ConfigurationError, a sentence for each contradiction, also for what the API server cannot check: whether
    a time zone exists.
    """
    if found := contradictions(written):
        raise ConfigurationError("; ".join(found))
    quiet = written.quiet_hours
    return Policy(
        frequencies=tuple(map(seconds_of, written.frequencies.allowed)),
        packs=written.packs.allowed,
        default_frequency=seconds_of(written.frequencies.default),
        default_pack=written.packs.default,
        quiet=Quiet(start=_minutes(quiet.start), end=_minutes(quiet.end)) if quiet else None,
        working_days=tuple(sorted(WEEKDAYS.index(day) + 1 for day in written.working_days)),
        zone=written.zone,
        lifelike=written.lifelike,
        max_members=written.max_members or 0,
        limits=_limits(written.limits),
    )


def written_policy(policy: Policy) -> model.TenantPolicy:
    """The same policy as people write it. Raises KeyError for a frequency that has no word."""
    quiet = policy.quiet
    return model.TenantPolicy(
        frequencies=model.Frequencies(
            allowed=tuple(_FREQUENCIES[seconds] for seconds in policy.frequencies),
            default=_FREQUENCIES[policy.default_frequency],
        ),
        packs=model.Packs(allowed=policy.packs, default=policy.default_pack),
        lifelike=policy.lifelike,
        quiet_hours=model.QuietHours(start=_clock(quiet.start), end=_clock(quiet.end)) if quiet else None,
        working_days=tuple(WEEKDAYS[day - 1] for day in policy.working_days),
        zone=policy.zone,
        max_members=policy.max_members or None,
        limits=_written_limits(policy.limits),
    )


def contradictions(written: model.TenantPolicy) -> list[str]:
    """What a policy says against itself, in the sentences of the API server: a policy may come from a setting too."""
    frequencies, packs, quiet, limits = written.frequencies, written.packs, written.quiet_hours, written.limits
    each = (limits.photo, limits.profile, limits.publish)
    off_or_allowed = ("off", *frequencies.allowed) if frequencies.allowed else ()
    found = (
        ("frequencies", rules.DEFAULT_FREQUENCY_ALLOWED.message, _is_outside(frequencies.default, off_or_allowed)),
        ("packs", rules.DEFAULT_PACK_ALLOWED.message, _is_outside(packs.default, packs.allowed)),
        ("quietHours", rules.QUIET_FOR_A_WHILE.message, quiet is not None and quiet.start == quiet.end),
        ("limits", rules.BURST_BELOW_RATE.message, any(limit and limit.burst >= limit.per_minute for limit in each)),
        ("zone", f"there is no time zone {written.zone}: take one such as Europe/Berlin", not _exists(written.zone)),
    )
    return [f"policy.{field}: {sentence}" for field, sentence, is_broken in found if is_broken]


def _is_outside(default: str, allowed: tuple[str, ...]) -> bool:
    return bool(allowed) and default not in allowed


def _exists(zone: str) -> bool:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a region (`Europe`) is a folder to ZoneInfo
        return False
    return True


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _limits(written: model.CallLimits) -> Limits:
    usual = Limits()
    publish = _limit(written.publish, usual.publish)
    return Limits(
        photo=_limit(written.photo, usual.photo),
        profile=_limit(written.profile, usual.profile),
        publish=publish,
        background=_background(publish),
    )


def _background(publish: Limit) -> Limit:
    rate = _without_share(publish.per_minute)
    return Limit(per_minute=rate, burst=min(_without_share(publish.burst), rate - 1))


def _limit(written: model.CallLimit | None, usual: Limit) -> Limit:
    return Limit(per_minute=written.per_minute, burst=written.burst) if written else usual


def _without_share(count: int) -> int:
    return max(1, count - -(-count // KEPT_FOR_LOOKING))


def _written_limits(limits: Limits) -> model.CallLimits:
    usual = Limits()
    photo, publish = limits.photo, limits.publish
    return model.CallLimits(
        photo=None if photo == usual.photo else model.PhotoLimit(per_minute=photo.per_minute, burst=photo.burst),
        profile=_written_limit(limits.profile, usual.profile),
        publish=_written_limit(publish, usual.publish),
    )


def _written_limit(limit: Limit, usual: Limit) -> model.WideLimit | None:
    return None if limit == usual else model.WideLimit(per_minute=limit.per_minute, burst=limit.burst)
