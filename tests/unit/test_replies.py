"""What the slash command answers."""

import pytest

from rotator.replies import SUSPENDED, answer
from rotavatar.keys import User, Workspace
from rotavatar.messages import ShuffleAsked, StatusAsked
from rotavatar.records import Idle, Member, Suspension

ABOUT = {"workspace": Workspace("T0"), "user": User("U0"), "at": 1, "trace": "t"}
DAILY = Member(frequency=86_400, credential=b"c")
STATUS = StatusAsked(**ABOUT, reply="https://hooks.example.com")  # type: ignore[arg-type]


def test_status_names_the_next_change() -> None:
    said = answer(DAILY, STATUS, due_ms=1_700_000_000_000, suspended=Suspension.NO)
    assert "every day" in said and "1700000000" in said


@pytest.mark.parametrize("member", [None, DAILY])
@pytest.mark.parametrize("asked", [STATUS, ShuffleAsked(**ABOUT)])  # type: ignore[arg-type]
@pytest.mark.parametrize("reason", [Suspension.OPERATOR, Suspension.APPROVAL])
def test_a_suspended_workspace_promises_no_change(
    member: Member | None, asked: StatusAsked | ShuffleAsked, reason: Suspension
) -> None:
    assert answer(member, asked, due_ms=1_700_000_000_000, suspended=reason) == SUSPENDED[reason]


def test_who_left_is_told_so_in_a_suspended_workspace_too() -> None:
    said = answer(Member(idle=Idle.LEFT), STATUS, due_ms=None, suspended=Suspension.OPERATOR)
    assert said.startswith("You have left")
