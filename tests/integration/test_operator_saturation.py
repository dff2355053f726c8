"""When the operator asks members of a workspace what they want, and when it does not."""

from rotavatar.keys import Workspace
from rotavatar.pacing import Limit, Limits
from rotavatar.redis import Redis
from rotavatar.store import DemandStore, MemberStore, Place
from slacktenant_operator.model import Rotations
from slacktenant_operator.saturation import LOOK_SECONDS, Saturation, rounded
from tests.integration.test_store_demand import HOUR, TIGHT, W, join
from tests.servers import Server


class Counted(DemandStore):
    """Counts how often somebody asks."""

    asked = 0

    async def demand(self, workspace: Workspace, limits: Limits):
        self.asked += 1
        return await super().demand(workspace, limits)


async def test_a_large_workspace_is_asked_now_and_then_and_at_once_under_other_limits(valkey: Server) -> None:
    redis = await Redis.connect(valkey.url, name="test")
    try:
        store, members, now = Counted(redis), MemberStore(redis), [0.0]
        saturation = Saturation(store, monotonic=lambda: now[0])
        await join(redis, 55, frequency=HOUR, place=Place.DUE)
        assert await saturation.of(W, TIGHT, await members.tally(W)) is None
        assert (store.asked, saturation.seconds_left(W)) == (0, None), "so few can never be too many"
        await join(redis, 1, frequency=4 * HOUR, place=Place.DUE, first=55)
        assert await saturation.of(W, TIGHT, await members.tally(W)) is None, "55.25 are wanted and 55.38 allowed"
        await join(redis, 5, frequency=HOUR, place=Place.DUE, first=56)
        assert await saturation.of(W, TIGHT, await members.tally(W)) is None, "not each choice is looked at"
        assert store.asked == 1
        left = saturation.seconds_left(W)
        assert left is not None
        assert LOOK_SECONDS < left < LOOK_SECONDS + 1
        now[0] += left
        assert await saturation.of(W, TIGHT, await members.tally(W)) == Rotations(
            wanted_per_hour=60, allowed_per_hour=55
        )
        assert store.asked == 2
        assert await saturation.of(W, Limits(photo=Limit(per_minute=4, burst=1)), await members.tally(W)) is None
        saturation.forget(W)
        assert saturation.seconds_left(W) is None
    finally:
        await redis.close()


def test_numbers_are_told_to_two_digits() -> None:
    assert [rounded(number) for number in (0, 0.4, 7.6, 55.4, 834, 12_650)] == [0, 0, 8, 55, 830, 13_000]
