"""A policy reads the same in both languages, and what contradicts itself is said in a sentence."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar.errors import ConfigurationError
from rotavatar.policy import DAY, FREQUENCIES, HOUR, Policy, Quiet
from slacktenant_operator import model
from slacktenant_operator.conversion import contradictions, policy_of, seconds_of, written_policy

WORDS = get_args(model.Frequency)
PACKS = ("critters", "robots", "shapes-2")

times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


def limits(kind: type[model.PhotoLimit | model.WideLimit], most: int) -> st.SearchStrategy[model.CallLimit | None]:
    rates = st.integers(3, most).flatmap(lambda rate: st.tuples(st.just(rate), st.integers(1, rate - 1)))
    return st.none() | rates.map(lambda pair: kind(per_minute=pair[0], burst=pair[1]))


def choices(kind: Callable[..., object], words: tuple[str, ...]) -> st.SearchStrategy[object]:
    some = st.lists(st.sampled_from(words), min_size=1, unique=True).map(tuple)
    chosen = some.flatmap(lambda allowed: st.tuples(st.just(allowed), st.sampled_from(allowed)))
    return chosen.map(lambda pair: kind(allowed=pair[0], default=pair[1])) | st.just(kind())


policies = st.builds(
    model.TenantPolicy,
    frequencies=choices(model.Frequencies, WORDS),
    packs=choices(model.Packs, PACKS),
    lifelike=st.booleans(),
    quiet_hours=st.none()
    | st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(
        lambda pair: model.QuietHours(start=pair[0], end=pair[1])
    ),
    working_days=st.lists(st.sampled_from(get_args(model.Weekday)), unique=True).map(
        lambda days: tuple(day for day in get_args(model.Weekday) if day in days)
    ),
    zone=st.sampled_from(["", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"]),
    max_members=st.none() | st.integers(1, 1_000_000),
    limits=st.builds(
        model.CallLimits,
        photo=limits(model.PhotoLimit, 20),
        profile=limits(model.WideLimit, 100),
        publish=limits(model.WideLimit, 100),
    ),
)  # fmt: skip


@given(policies)
def test_there_and_back_says_the_same(written: model.TenantPolicy):
    read = policy_of(written)
    assert policy_of(written_policy(read)) == read


@given(policies)
def test_a_policy_that_the_api_server_takes_never_stops_the_pacer(written: model.TenantPolicy):
    limit = policy_of(written).limits
    assert limit.background.per_minute <= limit.publish.per_minute
    assert limit.background.burst <= limit.publish.burst


def test_nothing_written_is_the_usual_policy():
    assert policy_of(model.TenantPolicy()) == Policy()
    assert written_policy(Policy()) == model.TenantPolicy()


def test_words_are_those_that_members_choose_from():
    assert tuple(map(seconds_of, WORDS)) == FREQUENCIES


@pytest.mark.parametrize(
    ("period", "seconds"), [("off", 0), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("24h", 86_400), ("1w", 604_800)]
)
def test_periods_are_read(period: str, seconds: int):
    assert seconds_of(period) == seconds


def test_a_policy_is_read_as_it_is_meant():
    policy = policy_of(
        model.TenantPolicy(
            frequencies=model.Frequencies(allowed=("4h", "1d"), default="1d"),
            packs=model.Packs(allowed=("robots",), default="robots"),
            quiet_hours=model.QuietHours(start="18:30", end="08:00"),
            working_days=("Fri", "Mon"),
            zone="Europe/Berlin",
            max_members=50,
        )
    )
    assert policy == Policy(
        frequencies=(4 * HOUR, DAY), default_frequency=DAY, packs=("robots",), default_pack="robots",
        quiet=Quiet(start=18 * 60 + 30, end=8 * 60), working_days=(1, 5), zone="Europe/Berlin", max_members=50,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            model.TenantPolicy(frequencies=model.Frequencies(allowed=("4h",), default="1h")),
            "policy.frequencies: the de",
        ),
        (model.TenantPolicy(packs=model.Packs(allowed=("robots",))), "policy.packs: the default must be one of"),
        (
            model.TenantPolicy(quiet_hours=model.QuietHours(start="08:00", end="08:00")),
            "policy.quietHours: quiet hours",
        ),
        (
            model.TenantPolicy(limits=model.CallLimits(photo=model.PhotoLimit(per_minute=5, burst=5))),
            "policy.limits: burst must be less",
        ),
        (model.TenantPolicy(zone="Europe/Berln"), "policy.zone: there is no time zone Europe/Berln"),
        (model.TenantPolicy(zone="Europe"), "policy.zone: there is no time zone Europe:"),
    ],
)
def test_a_contradiction_is_said_in_a_sentence(written: model.TenantPolicy, words: str):
    assert len(contradictions(written)) == 1
    with pytest.raises(ConfigurationError) as caught:
        policy_of(written)
    assert words in str(caught.value)


def test_off_is_a_default_whatever_is_allowed():
    written = model.TenantPolicy(frequencies=model.Frequencies(allowed=("4h",)))
    assert policy_of(written).default_frequency == 0
