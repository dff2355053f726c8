"""The office, put together for the processes that stand for it."""

from typing import Final

from rotavatar.clock import Clock
from rotavatar.keyring import KeyRing
from rotavatar.redis import Redis
from rotavatar.shared.backlog import Backlog
from rotavatar.shared.counting import Counting
from rotavatar.shared.office import Duty, Office
from rotavatar.store import BacklogStore, CensusStore, JobStore, LeaseStore

BACKLOG_SECONDS: Final = 0.0
"""Each round."""

CENSUS_SECONDS: Final = 300.0
"""A census reads every member, and what it counts changes slowly."""


def office(redis: Redis, *, clock: Clock, keys: KeyRing) -> Office:
    """Stands for telling the shared facts of `redis`."""
    backlog = Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=clock)
    counting = Counting(store=CensusStore(redis), clock=clock, keys=keys)
    return Office(
        leases=LeaseStore(redis),
        duties=(Duty(backlog.count, BACKLOG_SECONDS), Duty(counting.count, CENSUS_SECONDS)),
    )
