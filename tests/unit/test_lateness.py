"""How late a rotation is, and whose doing that was."""

import pytest
from prometheus_client import REGISTRY

from rotator.claims import Claims
from rotavatar.clock import ManualClock
from rotavatar.keys import User, Workspace
from rotavatar.store import Claim


def claims() -> Claims:
    nothing = None
    return Claims(
        clock=ManualClock(), members=nothing, rotation=nothing, chores=nothing, life=nothing, heartbeat=nothing,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due", "ready", "now", "slack", "ours"),
    [
        (100.0, 100.0, 100.5, 0.0, 0.5),  # nothing held the workspace up: whoever was slow was us
        (100.0, 160.0, 161.0, 60.0, 1.0),  # the pacer, or Slack's Retry-After, let nobody go before 160
        (100.0, 90.0, 103.0, 0.0, 3.0),  # free before it was due
        (100.0, 0.0, 103.0, 0.0, 3.0),  # a script of the version before told no such time
        (100.0, 100.0, 99.9, 0.0, 0.0),  # never early
    ],
)
def test_lateness_is_split_by_its_cause(due: float, ready: float, now: float, slack: float, ours: float) -> None:
    def sums() -> tuple[float, float]:
        name = "rotavatar_rotation_lateness_seconds_sum"
        return tuple(REGISTRY.get_sample_value(name, {"cause": cause}) or 0.0 for cause in ("slack", "ours"))  # type: ignore[return-value]

    before = sums()
    claim = Claim(Workspace("T"), User("U"), 1, due * 1000, ready * 1000)
    claims()._measure(claim, now)
    assert [after - earlier for after, earlier in zip(sums(), before, strict=True)] == pytest.approx([slack, ours])


def test_a_takeover_is_not_late_again() -> None:
    name, cause = "rotavatar_rotation_lateness_seconds_count", {"cause": "ours"}
    before = REGISTRY.get_sample_value(name, cause)
    claims()._measure(Claim(Workspace("T"), User("U"), 1), 5.0)
    assert REGISTRY.get_sample_value(name, cause) == before
