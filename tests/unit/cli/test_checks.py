"""What `members check` and `doctor` make of what they see."""

import pytest
from msgspec.structs import replace

from rotavatar.keys import User, Workspace
from rotavatar.records import Idle, Member, Snapshot, WorkspaceRecord
from rotavatar.store.server import ServerFacts
from rotavatar_cli.checking import _bitmap_faults, fault_in
from rotavatar_cli.examination import _options, _seen
from rotavatar_cli.outside import Seen

W = Workspace("T1")
GOOD = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-value": "512",
}


def snapshot(member: Member | None, *, due: float | None = None, lease: float | None = None) -> Snapshot:
    return Snapshot(workspace=W, user=User("U1"), record=WorkspaceRecord(), member=member, due=due, lease=lease)


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (snapshot(Member(joined_at=1), due=5.0), None),
        (snapshot(Member(joined_at=1), lease=5.0), None),
        (snapshot(Member(joined_at=1, idle=Idle.OFF)), None),
        (snapshot(Member(joined_at=1, idle=Idle.OUTSIDE), lease=5.0), None),
        (snapshot(Member(joined_at=1)), "is nowhere: not due, not in flight, and idle without a reason"),
        (snapshot(Member()), "is nowhere: the job of their joining is not done yet; see that the rotator runs"),
        (snapshot(Member(joined_at=1), due=5.0, lease=5.0), "is due and in flight at once"),
        (snapshot(Member(joined_at=1, idle=Idle.PAUSED), due=5.0), "is due and idle (paused) at once"),
        (snapshot(None), "is listed and has no record"),
        (snapshot(None, due=5.0), "is queued without record"),
    ],
)
def test_a_member_belongs_to_exactly_one_place(seen: Snapshot, fault: str | None) -> None:
    assert fault_in(seen) == fault


def test_the_bitmap_says_who_wears_what() -> None:
    assert _bitmap_faults(W, bytes([0b1010_0000]), {0, 2}) == set()
    assert {fault.what for fault in _bitmap_faults(W, bytes([0b1000_0000, 1]), {0, 3})} == {
        "picture 15 is noted as worn and nobody wears it",
        "picture 3 is worn and not noted as such",
    }


def options(**changes: str) -> list[tuple[str, str]]:
    told = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    return list(_options(ServerFacts(name="redis", version=(7, 0), clustered=False, options=told, used_bytes=1)))


@pytest.mark.parametrize(
    ("change", "state", "word"),
    [
        ({}, "ok", "noeviction"),
        ({"appendonly": "no"}, "fault", "appendonly yes"),
        ({"appendfsync": "no"}, "fault", "appendfsync is no"),
        ({"appendfsync": "everysec"}, "advice", "two seconds"),
        ({"maxmemory_policy": "allkeys-lru"}, "fault", "set noeviction"),
        ({"hash_max_listpack_value": "64"}, "advice", "hash-max-listpack-value is 64"),
    ],
)
def test_the_doctor_knows_which_options_matter(change: dict[str, str], state: str, word: str) -> None:
    said = options(**change)
    worst = max(said, key=lambda each: ["ok", "advice", "fault"].index(each[0]))
    assert worst[0] == state
    assert any(word in sentence for each, sentence in said if each == state)


def test_a_server_that_does_not_tell_its_options_is_advised_about() -> None:
    said = _options(ServerFacts(name="redis", version=(7, 0), clustered=False, options=None, used_bytes=1))
    assert [state for state, _ in said] == ["advice"]


URL = "https://rotavatar.example.com"
WELL = Seen(addresses=("93.184.216.34",), page=200, events=401)


@pytest.mark.parametrize(
    ("seen", "faults"),
    [
        (WELL, []),
        (Seen(problem="its certificate is not valid: self-signed"), ["certificate is not valid"]),
        (replace(WELL, addresses=("10.0.0.7",)), ["10.0.0.7, which Slack cannot reach"]),
        (replace(WELL, page=302, location="https://login.example.com"), ["redirects to https://login."]),
        (replace(WELL, page=404), ["answers 404"]),
        (replace(WELL, events=404), ["slack/events answers 404"]),
        (replace(WELL, events=200), ["slack/events answers 200"]),
    ],
)
def test_the_doctor_looks_at_the_public_address_as_slack_does(seen: Seen, faults: list[str]) -> None:
    said = [sentence for state, sentence in _seen(URL, seen, simulated=False) if state == "fault"]
    assert len(said) == len(faults)
    assert all(fault in sentence for fault, sentence in zip(faults, said, strict=True))
