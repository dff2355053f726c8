"""The member's record under any order and repetition of what people and Slack say. Pure functions only."""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rotator import results
from rotator.choices import Choice, applied
from rotator.joining import joined
from rotator.placement import placed
from rotavatar.keys import User, Workspace
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    PackChosen,
    Paused,
    ProfileChanged,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    UndoAsked,
)
from rotavatar.policy import HOUR, Policy
from rotavatar.records import LEAVING, OWN_PICTURE, Idle, Member, OwnPhoto, Snapshot, Wish, WorkspaceRecord
from rotavatar.store import Commit, Place

W, U = Workspace("T1"), User("U1")
PACKS = frozenset({"critters", "planets"})
POLICY = Policy()
OURS = ("critters/1", "critters/2", "planets/3")
BASE: dict[str, Any] = {"workspace": W, "user": U, "trace": ""}
KINDS = (
    lambda at: FrequencyChosen(**BASE, at=at, seconds=HOUR * (1 + at % 2)),
    lambda at: PackChosen(**BASE, at=at, pack=("critters", "planets", "unknown")[at % 3]),
    lambda at: Paused(**BASE, at=at, until=None if at % 2 else 1_700_003_600),
    lambda at: Resumed(**BASE, at=at),
    lambda at: ShuffleAsked(**BASE, at=at),
    lambda at: UndoAsked(**BASE, at=at),
    lambda at: RestoreAsked(**BASE, at=at),
    lambda at: KeepAsked(**BASE, at=at),
    lambda at: LeaveAsked(**BASE, at=at, forget=at % 2 == 0),
    lambda at: ProfileChanged(**BASE, at=at, avatar_hash=f"h{at % 3}"),
)
ats = st.integers(1_700_000_000_000, 1_700_000_000_060)


class Machine(RuleBasedStateMachine):
    """One member; jobs and claims in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_700_000_000_000
        self.member = Member(credential=b"c", credential_at=1, joined_at=1, next="critters/1", version=1)
        self.due: float | None = None
        self.lease: float | None = None
        self.shown_own = True
        self.seen: list[Choice] = []
        self.newest: dict[str, int] = {}
        self.commit(placed(self.snapshot(), self.member, now_ms=self.now_ms))

    def snapshot(self) -> Snapshot:
        return Snapshot(
            workspace=W, user=U, record=WorkspaceRecord(), member=self.member, due=self.due, lease=self.lease
        )

    def commit(self, change: Commit) -> None:
        self.member = change.member
        match change.place:
            case Place.DUE:
                self.due, self.lease = change.time_ms, None
            case Place.IDLE:
                self.due = self.lease = None
            case Place.STAY:
                pass
            case _:
                raise AssertionError(change.place)

    def tell(self, choice: Choice) -> bool:
        before = self.member
        member = applied(before, choice, policy=POLICY, packs=PACKS)
        if member is None:
            return False
        self.never_backwards(before, member)
        self.commit(placed(self.snapshot(), member, now_ms=self.now_ms))
        return True

    @staticmethod
    def never_backwards(before: Member, after: Member) -> None:
        for group in ("frequency_at", "pack_at", "pause_at", "wish_at"):
            assert getattr(after, group) >= getattr(before, group)

    @rule(kind=st.sampled_from(KINDS), at=ats)
    def say(self, kind, at):
        choice = kind(at)
        self.seen.append(choice)
        self.tell(choice)
        assert not self.tell(choice), "a repeated delivery changes nothing"

    @rule(data=st.data())
    @precondition(lambda self: self.seen)
    def repeat(self, data):
        choice = data.draw(st.sampled_from(self.seen))
        dated = self.dated(choice)
        before = self.member
        self.tell(choice)
        if dated is not None and choice.at < getattr(before, dated):
            assert getattr(self.member, dated.removesuffix("_at")) == getattr(before, dated.removesuffix("_at"))

    @staticmethod
    def dated(choice: Choice) -> str | None:
        match choice:
            case FrequencyChosen():
                return "frequency_at"
            case PackChosen():
                return "pack_at"
        return None

    @rule(seconds=st.integers(1, 7200))
    def wait(self, seconds):
        self.now_ms += seconds * 1000

    @rule()
    @precondition(lambda self: self.due is not None and self.lease is None)
    def claim(self):
        assert self.due is not None
        self.now_ms = max(self.now_ms, int(self.due))
        self.due, self.lease = None, self.now_ms + 30_000
        self.member = msgspec.structs.replace(self.member, attempt=self.member.attempt + 1)
        self.errand = results.errand_of(self.member)

    @rule(how=st.sampled_from(["shown", "outside", "dead", "given back", "late"]))
    @precondition(lambda self: self.lease is not None)
    def land(self, how):
        now = self.snapshot()
        member, retry = self.member, 0
        if how == "outside" and member.our_hash:
            member = results.found_outside(member, shown="theirs", image_url="")
        elif how == "dead":
            member = results.disconnected(member, now_ms=self.now_ms)
        elif how == "given back" or (self.errand.wish is Wish.UNDO and not member.previous):
            retry = self.now_ms + 5_000
            member = results.fulfilled(member, None)
        elif self.errand.wish in LEAVING and member.wish in LEAVING:
            member = results.left(member, now_ms=self.now_ms)
        else:
            member = self.show(member)
        self.commit(placed(now, member, now_ms=self.now_ms, retry_ms=retry, landed=True))
        if how != "dead" and self.errand.wish is not member.wish and member.wish in LEAVING:
            assert self.due is not None, "leaving goes on"

    def show(self, member: Member) -> Member:
        own = self.errand.wish in {Wish.RESTORE, *LEAVING}
        picture = OWN_PICTURE if own else OURS[self.now_ms % 3]
        if member.own is None and not own:
            member = results.kept(member, OwnPhoto(hash="own", name="kept"))
        return results.shown(
            member, self.errand, picture=picture, hash_=f"h{self.now_ms % 3}", image_url="", now_ms=self.now_ms
        )

    @rule(at=ats)
    @precondition(lambda self: self.lease is None)
    def consent(self, at):
        """Somebody authorises the app again; what was wished before is dropped."""
        if at < self.member.credential_at:
            return
        self.member = msgspec.structs.replace(
            self.member, credential=b"new", credential_at=at, wish=Wish.NONE, epoch=self.member.epoch + 1
        )
        member = joined(self.member, policy=POLICY, zone="UTC", at=at, now_ms=self.now_ms)
        anew = msgspec.structs.replace(self.snapshot(), due=None)
        self.commit(placed(anew, member, now_ms=self.now_ms))
        assert self.member.idle not in {Idle.LEFT, Idle.RECONNECT, Idle.CONSENT}

    @invariant()
    def is_in_exactly_one_place(self):
        places = [self.due is not None, self.lease is not None, bool(self.member.idle)]
        assert places.count(True) == 1, (places, self.member)

    @invariant()
    def the_own_photo_is_kept_while_ours_is_shown(self):
        member = self.member
        if member.picture not in ("", OWN_PICTURE):
            assert member.own is not None

    @invariant()
    def who_has_left_has_no_token_and_no_wish(self):
        if self.member.idle is Idle.LEFT:
            assert (self.member.credential, self.member.wish) == (b"", Wish.NONE)


TestMember = Machine.TestCase
TestMember.settings = settings(max_examples=150, stateful_step_count=40)
