"""Photos that no record mentions go, and no photo that somebody may still want: not even one that is being kept."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from prometheus_client import REGISTRY

from rotator.sweeping import FEW, OLD_SECONDS, WHOLE_STORE
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import ShuffleAsked
from rotavatar.photo_store import CHUNK, PhotoRef, PhotoStore
from slack_simulator import people
from slack_simulator.state import Member as Person
from tests.pictures import draw_catalogue, picture
from tests.rotating import Stage, stage
from tests.servers import Server

STRANGE = Workspace("T0GONE")
"""A workspace that Redis does not know."""


@pytest.fixture
async def on(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12})
    async with stage(valkey.url, tmp_path) as it:
        yield it


@pytest.fixture
def team(on: Stage) -> str:
    return on.simulator.add_team("Team").id


@pytest.fixture
async def ana(on: Stage, team: str) -> Person:
    """Somebody whose own photo is in the store, as it was replaced by a drawn one."""
    person = on.simulator.add_member(team, name="ana")
    people.set_photo(on.simulator.slack, team=team, member=person, content=picture(7777))
    await on.install(person, team)
    await shuffle(on, team, person)
    return person


async def shuffle(on: Stage, team: str, person: Person) -> None:
    on.clock.advance(10)
    await on.say(ShuffleAsked(workspace=Workspace(team), user=User(person.id), at=on.now_ms, trace="t"))
    assert await on.rotate() == 1


async def orphan(on: Stage, content: bytes = b"a photo", *, workspace: str = STRANGE, user: str = "U0GONE") -> PhotoRef:
    ref = await on.photos.put(content, workspace=Workspace(workspace), user=User(user))
    ages(on, ref, OLD_SECONDS + 60)
    return ref


def ages(on: Stage, ref: PhotoRef, seconds: float) -> None:
    """The photo was written so long ago."""
    folder = on.photos._folder
    assert folder is not None
    then = on.clock.wall() - seconds
    os.utime(folder / ref.path, (then, then))


async def kept(on: Stage) -> set[PhotoRef]:
    return {photo.ref async for photo in on.photos.photos()}


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("rotavatar_photos_swept_total", {"outcome": outcome}) or 0.0


async def own(on: Stage, team: str, person: Person) -> PhotoRef:
    member = await on.member(team, person.id)
    assert member.own is not None
    return PhotoRef(Workspace(team), User(person.id), member.own.name)


async def test_only_what_is_old_and_in_no_record_goes(on: Stage, team: str, ana: Person) -> None:
    mine = await own(on, team, ana)
    ages(on, mine, 400 * OLD_SECONDS)
    forgotten = await orphan(on)
    replaced = await orphan(on, b"my photo before the last", workspace=team, user=ana.id)
    young = await on.photos.put(b"just written", workspace=STRANGE, user=User("U0NEW"))
    ages(on, young, OLD_SECONDS - 60)
    before = counted("deleted")
    await on.sweep.step(WHOLE_STORE.workspace)
    assert await kept(on) == {mine, young}
    assert counted("deleted") - before == len({forgotten, replaced})
    ages(on, young, OLD_SECONDS + 1)
    await on.sweep.step(WHOLE_STORE.workspace)
    assert await kept(on) == {mine}


async def test_the_chore_is_planned_once_and_comes_again_a_day_after_its_end(on: Stage) -> None:
    orphaned = await orphan(on)
    await on.sweep.plan()
    assert await on.chores.round() == 0
    planned = await due(on)
    on.clock.advance(3600)
    await on.sweep.plan()
    assert await due(on) == planned, "another process that starts changes nothing"
    assert await kept(on) == {orphaned}
    on.clock.advance(24 * 3600)
    assert await on.chores.round() == 1
    assert await kept(on) == set()
    assert await due(on) == on.now_ms + OLD_SECONDS * 1000


async def due(on: Stage) -> float:
    return float(await on.redis.execute(0, "ZSCORE", keys.chores(0), "sweep:"))


async def test_a_sweep_goes_on_where_another_process_stopped(on: Stage) -> None:
    for number in range(CHUNK + 3):
        young = await on.photos.put(b"%d" % number, workspace=STRANGE, user=User(f"U{number:04d}"))
        ages(on, young, 60)
    last = await orphan(on, workspace="T9LAST")
    now = on.now_ms
    assert await on.sweep.step(WHOLE_STORE.workspace) == now, "there is more"
    assert last in await kept(on)
    assert await on.sweep.step(WHOLE_STORE.workspace) > now
    assert last not in await kept(on)
    assert len(await kept(on)) == CHUNK + 3


Hook = Callable[[], Awaitable[object]]


def meanwhile(on: Stage, monkeypatch: pytest.MonkeyPatch, name: str, then: Hook) -> None:
    """Let `then` happen right after the sweep has called this method of the photo store."""
    called = getattr(on.photos, name)

    async def and_then(*args: object, **named: object) -> object:
        answer = await called(*args, **named)
        monkeypatch.undo()
        await then()
        return answer

    monkeypatch.setattr(on.photos, name, and_then)


async def test_a_photo_that_is_kept_while_it_is_swept_stays(
    on: Stage, team: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old orphan has the name of the photo that somebody who came back wears: keeping it writes it anew."""
    person = on.simulator.add_member(team, name="bo")
    people.set_photo(on.simulator.slack, team=team, member=person, content=picture(7777))
    await on.install(person, team)
    profile = await on.slack.get_profile(await on.tokens.of_member(await on.seen(team, person.id)))
    content = (await on.slack.fetch_photo(profile.image_1024 or "", allow=lambda _: True)).content
    ref = await orphan(on, content, workspace=team, user=person.id)

    meanwhile(on, monkeypatch, "page", lambda: shuffle(on, team, person))
    await on.sweep.step(WHOLE_STORE.workspace)
    assert await own(on, team, person) == ref
    assert await on.photos.get(ref) == content


async def test_what_is_written_anew_between_the_look_and_the_deletion_stays(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record does not mention it yet: only its age tells."""
    ref = await orphan(on)

    async def again() -> None:
        assert await on.photos.put(b"a photo", workspace=ref.workspace, user=ref.user) == ref

    meanwhile(on, monkeypatch, "page", again)
    await on.sweep.step(WHOLE_STORE.workspace)
    assert await kept(on) == {ref}


async def test_nobody_keeps_a_photo_while_it_is_deleted_and_nobody_deletes_while_it_is_kept(
    on: Stage, team: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = on.simulator.add_member(team, name="bo")
    people.set_photo(on.simulator.slack, team=team, member=person, content=picture(7777))
    await on.install(person, team)
    ref = await orphan(on, workspace=team, user=person.id)

    # After its last look at the age, before it deletes: the rotation is put off, and the photo stays as it is.
    meanwhile(on, monkeypatch, "modified", lambda: shuffle(on, team, person))
    await on.sweep.step(WHOLE_STORE.workspace)
    assert await kept(on) == set()
    assert on.calls("users.setPhoto") == 0
    on.clock.advance(60)
    assert await on.rotate() == 1
    assert await kept(on) == {await own(on, team, person)}

    ref = await orphan(on, workspace=team, user=person.id)
    async with on.sweep._leases.photos(ref.workspace, ref.user, seconds=5):
        await on.sweep.step(WHOLE_STORE.workspace)
    assert ref in await kept(on)


async def test_a_redis_that_mentions_nothing_costs_no_photos(on: Stage) -> None:
    for number in range(FEW + 1):
        await orphan(on, workspace=f"T{number}")
    before = counted("refused")
    await on.sweep.step(WHOLE_STORE.workspace)
    assert len(await kept(on)) == FEW + 1
    assert counted("refused") - before == FEW + 1
    for number in range(FEW + 1):
        young = await on.photos.put(b"young", workspace=Workspace(f"T{number}"), user=User("U0NEW"))
        ages(on, young, 60)
    await on.sweep.step(WHOLE_STORE.workspace)
    assert len(await kept(on)) == FEW + 1, "half of what is there may go"


async def test_pages_of_an_object_store_follow_each_other(on: Stage) -> None:
    store = PhotoStore(MemoryStore(), vault=on.vault)
    written = {await store.put(b"x", workspace=Workspace(f"T{n}"), user=User("U1")) for n in range(7)}
    read: list[PhotoRef] = []
    after = ""
    for _ in range(3):
        photos, after = await store.page(after, count=3)
        read += [photo.ref for photo in photos]
    assert after == ""
    assert sorted(written) == read
    assert await store.modified(read[0]) is not None
    await store.delete(read[0])
    assert await store.modified(read[0]) is None
