"""The Home tab: from what there is to show to the view that Slack is given. Pure.

A select keeps its reader's old selection across `views.publish` unless its block id changes
(https://github.com/slackapi/bolt-python/issues/629), so block ids carry the member's version. `private_metadata` is a
digest of everything else: Slack sends it back when the tab is opened, and what is shown already is not sent again.
"""

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from publisher import sentences
from publisher.blocks import (
    Block,
    actions,
    button,
    confirmation,
    context,
    divider,
    escaped,
    header,
    moment,
    picture,
    section,
    select,
    titled_picture,
)
from publisher.state import HomeState, Mood
from rotavatar.actions import PAUSES, Action
from rotavatar.records import Wish

DIGEST_BYTES = 9
"""18 hexadecimal digits: two different views of one member never meet by chance."""

RUNNING = frozenset(
    {
        Mood.NEW,
        Mood.OFF,
        Mood.FIRST,
        Mood.SETTLED,
        Mood.SATURATED,
        Mood.HELD,
        Mood.TROUBLE,
        Mood.CHANGING,
        Mood.WISHING,
        Mood.PAUSED,
        Mood.PAUSED_UNTIL,
        Mood.NOT_ALLOWED,
    }
)
"""Moods in which the member's controls work."""

QUESTIONS = frozenset({Mood.OUTSIDE, Mood.RECONNECT, Mood.CONSENT, Mood.FORBIDDEN})
"""Moods in which the member is asked for one thing first."""

RESTING = frozenset({Mood.SUSPENDED, Mood.APPROVAL})
"""Moods in which nothing but leaving is done for a member; a visitor has nothing to leave."""

SHOWING = RUNNING | {Mood.OUTSIDE}
"""Moods in which the present photo is shown: below the controls, or it pushes them off a laptop's screen."""

PARTING = frozenset({Mood.LEAVING, Mood.LEFT, Mood.FULL})
"""Moods in which nothing is asked for any more, so nothing has to be justified."""


class View(msgspec.Struct, frozen=True):
    """A Home tab as it is sent: encoded JSON, its digest, and whether it holds pictures."""

    body: bytes
    digest: str
    pictures: bool


def build(state: HomeState, *, pictures: bool = True) -> View:
    """The view that shows `state`; without `pictures` where Slack cannot fetch them."""
    shown = state if pictures else msgspec.structs.replace(state, now_url="", next_url="")
    return _view([*_blocks(shown)], version=state.version)


def fallback(version: int) -> View:
    """What is shown where Slack refuses everything else."""
    return _view([section(sentences.FALLBACK), actions([button(Action.REFRESH, "Try again")])], version=version)


def _view(blocks: list[Block], *, version: int) -> View:
    named = [{**block, "block_id": f"{version}.{place}"} for place, block in enumerate(blocks)]
    encoded = msgspec.json.encode(named)
    digest = blake2b(encoded, digest_size=DIGEST_BYTES).hexdigest()
    body = msgspec.json.encode({"type": "home", "private_metadata": digest, "blocks": msgspec.Raw(encoded)})
    return View(body=body, digest=digest, pictures=b'"image_url"' in encoded)


def _blocks(state: HomeState) -> Iterator[Block]:
    yield header(_heading(state))
    small = _small_picture(state)
    preview = sentences.PREVIEW if small and state.mood is not Mood.VISITOR else ""
    yield section(_story(state) + preview, accessory=small)
    yield from _answers(state)
    if state.mood in RUNNING:
        yield actions([*_verbs(state)])
        yield divider()
        yield from _choices(state)
    if state.mood in SHOWING:
        yield from _photo(state)
    yield divider()
    yield from _small_print(state)
    if state.mood in RUNNING | QUESTIONS | (RESTING if state.version else frozenset()):
        yield actions([*_goodbyes(state)])


def _rhythm(state: HomeState) -> str:
    return sentences.RHYTHMS.get(state.frequency, sentences.RHYTHMS[0])


def _refusal(state: HomeState) -> sentences.Refusal | None:
    return sentences.REFUSALS.get(state.problem) if state.mood is Mood.FORBIDDEN else None


def _heading(state: HomeState) -> str:
    refusal = _refusal(state)
    return refusal.heading if refusal else sentences.HEADINGS[state.mood].format(rhythm=_rhythm(state).lower())


def _story(state: HomeState) -> str:
    refusal = _refusal(state)
    if refusal:
        return refusal.story
    never = "not yet"
    return sentences.STORIES[state.mood].format(
        rhythm=_rhythm(state),
        next=moment(state.next_change) if state.next_change else "in a moment",
        last=moment(state.last_change) if state.last_change else never,
        until=moment(state.paused_until) if state.paused_until else never,
        waiting=state.waiting,
        problem=_problem(state.problem),
        wish=_wish(state),
    )


def _problem(key: str) -> str:
    return sentences.PROBLEMS.get(key, sentences.OUR_FAULT)


def _wish(state: HomeState) -> str:
    words = {**sentences.WISHES, **(sentences.GOODBYES if state.wears_own else {})}.get(state.wish)
    if words is None:
        return ""
    about = f", about {moment(state.next_change)}" if state.next_change else ""
    said = words.format(about=about)
    return f"{_problem(state.problem)}\n\n{said}" if state.problem else said


def _small_picture(state: HomeState) -> Block | None:
    """The picture beside the text: the one that comes next, or an example for who is not connected."""
    backwards = state.wish in (Wish.UNDO, Wish.RESTORE)
    if not state.next_url or backwards or state.mood not in RUNNING | {Mood.VISITOR}:
        return None
    alt = "One of the pictures" if state.mood is Mood.VISITOR else "The picture that comes next"
    return picture(state.next_url, alt=alt)


def _answers(state: HomeState) -> Iterator[Block]:
    """The one button that a mood asks for."""
    match state.mood:
        case Mood.VISITOR:
            yield actions([button(Action.CONNECT, "Connect me", style="primary", url=state.connect_url)])
        case Mood.RECONNECT:
            yield actions([button(Action.CONNECT, "Connect again", style="primary", url=state.connect_url)])
        case Mood.CONSENT:
            yield actions([button(Action.CONNECT, "Give permission", style="primary", url=state.connect_url)])
        case Mood.LEFT:
            yield actions([button(Action.CONNECT, "Come back", url=state.connect_url)])
        case Mood.FORBIDDEN:
            yield actions([button(Action.RESUME, "Try again", style="primary")])
        case Mood.OUTSIDE:
            yield actions(
                [button(Action.KEEP, "Keep this photo", style="primary"), button(Action.RESUME, "Start again")]
            )


def _photo(state: HomeState) -> Iterator[Block]:
    if state.now_url:
        yield titled_picture(state.now_url, alt="Your photo in Slack now", title="Your photo now")


def _verbs(state: HomeState) -> Iterator[Block]:
    """What can be done with the photo at once."""
    resting = state.mood in (Mood.PAUSED, Mood.PAUSED_UNTIL)
    shuffle_first = state.mood in (Mood.NEW, Mood.OFF, Mood.SETTLED, Mood.FIRST)
    if resting:
        yield button(Action.RESUME, "Resume", style="primary")
    yield button(Action.SHUFFLE, "Shuffle now", style="primary" if shuffle_first else None)
    if state.can_undo:
        yield button(Action.UNDO, "Undo last change")
    if not state.wears_own:
        yield button(Action.RESTORE, "Put my photo back")
    if state.frequency and not resting:
        yield button(Action.PAUSE, "Pause")
        lengths = [(str(seconds), f"Pause {sentences.PAUSE_LENGTHS[seconds]}") for seconds in PAUSES]
        yield select(Action.PAUSE_UNTIL, lengths, chosen=None, placeholder="Pause for…")


def _choices(state: HomeState) -> Iterator[Block]:
    rhythms = [(str(seconds), sentences.RHYTHMS[seconds]) for seconds in state.frequencies]
    yield section(
        "*How often*",
        accessory=select(Action.FREQUENCY, rhythms, chosen=str(state.frequency), placeholder="Choose a rhythm"),
    )
    if state.packs:
        packs = [(pack.key, pack.title) for pack in state.packs]
        yield section(
            "*Pictures*", accessory=select(Action.PACK, packs, chosen=state.pack.key, placeholder="Choose pictures")
        )


def _small_print(state: HomeState) -> Iterator[Block]:
    credit = state.credit
    credits_line = sentences.CREDITS.format(
        art=escaped(credit.title),
        creator=escaped(credit.creator),
        source=credit.source,
        licence=escaped(credit.licence),
        licence_url=credit.licence_url,
    )
    scopes = "" if state.mood in PARTING else f"{sentences.SCOPES}\n"
    yield context(f"{scopes}{credits_line}   <{state.about_url}|About Rotavatar>")


def _goodbyes(state: HomeState) -> Iterator[Block]:
    back = "" if state.wears_own else "Your own photo is put back. "
    yield button(
        Action.LEAVE,
        "Leave",
        confirm=confirmation(
            "Leave Rotavatar?",
            f"{back}Then our permission to change it ends. Your choices are kept for a while, in case you come back.",
            yes="Leave",
            no="Stay",
        ),
    )
    yield button(
        Action.FORGET,
        "Leave and forget me",
        confirm=confirmation(
            "Leave and be forgotten?",
            f"{back}Then our permission to change it ends, and everything about you is deleted at once. "
            "This cannot be undone.",
            yes="Forget me",
            no="Stay",
        ),
    )
