"""The words of the Home tab: one table for each kind of thing that is said.

Warm, short and exact. What Slack refused is told by the keys of `rotavatar.slack.classification`, what a member waits
for by the mood of the tab.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from publisher.state import Mood
from rotavatar.policy import DAY, HOUR
from rotavatar.records import BROKEN, Wish
from rotavatar.slack import Sentence

RHYTHMS: Final[Mapping[int, str]] = {
    0: "Off",
    HOUR: "Every hour",
    2 * HOUR: "Every 2 hours",
    4 * HOUR: "Every 4 hours",
    8 * HOUR: "Every 8 hours",
    12 * HOUR: "Every 12 hours",
    DAY: "Every day",
    2 * DAY: "Every 2 days",
    7 * DAY: "Every week",
}
"""A frequency in seconds to its name in the menu."""

PAUSE_LENGTHS: Final[Mapping[int, str]] = {
    DAY: "for a day",
    2 * DAY: "for 2 days",
    7 * DAY: "for a week",
    14 * DAY: "for 2 weeks",
    30 * DAY: "for 30 days",
}
"""The length of a pause in seconds to its name in the menu."""

HEADINGS: Final[Mapping[Mood, str]] = {
    Mood.VISITOR: "A fresh photo, in your own rhythm",
    Mood.NEW: "Welcome! How often should your photo change?",
    Mood.OFF: "Your photo stays as it is",
    Mood.FIRST: "A new photo {rhythm}",
    Mood.SETTLED: "A new photo {rhythm}",
    Mood.SATURATED: "A new photo {rhythm}, a little late",
    Mood.HELD: "A new photo {rhythm}, a little late",
    Mood.TROUBLE: "A new photo {rhythm}, after a hiccup",
    Mood.CHANGING: "Changing your photo",
    Mood.WISHING: "Changing your photo",
    Mood.PAUSED: "Paused",
    Mood.PAUSED_UNTIL: "Paused for now",
    Mood.NOT_ALLOWED: "Please choose another rhythm",
    Mood.OUTSIDE: "Your photo was changed elsewhere",
    Mood.RECONNECT: "Please connect again",
    Mood.CONSENT: "One permission is missing",
    Mood.FORBIDDEN: "Your organisation does not allow photo changes",
    Mood.SUSPENDED: "Taking a break in this workspace",
    Mood.APPROVAL: "Almost there",
    Mood.MIGRATING: "This workspace is moving",
    Mood.FULL: "No place is left in this workspace",
    Mood.LEAVING: "Saying goodbye",
    Mood.LEFT: "Goodbye, and thank you",
}
"""The first line of the tab."""

STORIES: Final[Mapping[Mood, str]] = {
    Mood.VISITOR: (
        "Rotavatar changes your Slack photo for you: every hour, every day, or once a week. "
        "You choose the rhythm and the pictures.\n\n"
        "*You can't lose your face.* Your own photo is kept first, and one button puts it back."
    ),
    Mood.NEW: (
        "Nothing happens until you say so. Pick a rhythm below, or press *Shuffle now* to try one picture. "
        "Your own photo is kept before it is first replaced."
    ),
    Mood.OFF: "No changes are planned. Pick a rhythm below whenever you like, or shuffle once.",
    Mood.FIRST: (
        "*First picture*   {next}\n\nUntil then your own photo stays. It is kept before it is replaced, "
        "and one button puts it back."
    ),
    Mood.SETTLED: "*Next change*   {next}\n*Last change*   {last}",
    Mood.SATURATED: (
        "*Next change*   about {next}\n*Last change*   {last}\n\n"
        "Slack lets only so many photos change each minute, and {waiting} here are waiting. "
        "Everybody gets their turn, in order."
    ),
    Mood.HELD: (
        "*Next change*   about {next}\n*Last change*   {last}\n\n"
        "Slack has asked us to change no photos in this workspace for a while. "
        "Then everybody gets their turn, in order."
    ),
    Mood.TROUBLE: "{problem}\n\n*Next try*   {next}\n*Last change*   {last}",
    Mood.CHANGING: "This takes a few seconds. Your tab refreshes by itself.",
    Mood.WISHING: "{wish}",
    Mood.PAUSED: "Your photo stays as it is until you resume.\n*Last change*   {last}",
    Mood.PAUSED_UNTIL: "Your photo stays as it is until {until}.\n*Last change*   {last}",
    Mood.NOT_ALLOWED: (
        "Your workspace no longer allows *{rhythm}*, so nothing changes for now. Pick one of those below to go on."
    ),
    Mood.OUTSIDE: (
        "Your photo was changed by you or your organisation, not by Rotavatar. We left it alone and paused.\n\n"
        "*Keep this photo* makes it your own photo and stays paused. "
        "*Start again* keeps a copy of it too, then goes on changing."
    ),
    Mood.RECONNECT: (
        "Slack ended our permission to change your photo. "
        "Connect again and everything goes on as you left it: your rhythm, your pictures and your own photo are kept."
    ),
    Mood.CONSENT: (
        "Rotavatar may not change your photo, because one of the permissions was not given. "
        "Allow it and everything goes on as you left it."
    ),
    Mood.FORBIDDEN: (
        "Slack says that members may not change their photos here. The owners of your organisation decide that. "
        "Once they allow it again, press *Try again*."
    ),
    Mood.SUSPENDED: (
        "The people who run Rotavatar have paused it for this workspace. Your photo stays as it is, "
        "and your choices are kept until it goes on."
    ),
    Mood.APPROVAL: (
        "Your workspace's installation waits for approval by the people who run Rotavatar. "
        "There is nothing you need to do: everything starts once they have approved it."
    ),
    Mood.MIGRATING: (
        "Slack is moving this workspace into an Enterprise organisation. Photos change again when it is done; "
        "your choices are kept."
    ),
    Mood.FULL: (
        "The people who run Rotavatar have set how many may use it in this workspace, and so many do. "
        "When somebody leaves there is a place again: look at this tab then, or ask them for more."
    ),
    Mood.LEAVING: "{wish}",
    Mood.LEFT: (
        "You have left, and Rotavatar can no longer touch your photo. "
        "Your choices are kept for a while, in case you come back."
    ),
}
"""What the tab says below its first line."""


class Refusal(NamedTuple):
    """What is said in the mood FORBIDDEN where Slack's reason is known: its first line, and what is to be done."""

    heading: str
    story: str


REFUSALS: Final[Mapping[str, Refusal]] = {
    Sentence.TWO_FACTOR: Refusal(
        "First set up two-factor authentication",
        "Your workspace asks everybody for two-factor authentication, and Slack takes no photo from us until your "
        "account has it. <https://slack.com/help/articles/204509068|Set it up in Slack>, then press *Try again*.",
    ),
    Sentence.TEAM_ACCESS: Refusal(
        "Rotavatar has no access to this workspace",
        "Your organisation has the app, but this workspace is not on its list. An admin of the organisation can add "
        "it there. Ask them, then press *Try again*.",
    ),
    Sentence.NETWORK: Refusal(
        "Rotavatar is not let in",
        "Your organisation takes calls only from networks that it knows, and that of Rotavatar is none of them. "
        "An admin of the organisation and the people who run Rotavatar can settle that. Then press *Try again*.",
    ),
}
"""By the key that the record holds. For every other reason the words of the mood serve: the owners decide."""

PREVIEW: Final = "\n\n_On the right: the picture that comes next._"

WISHES: Final[Mapping[Wish, str]] = {
    Wish.SHUFFLE: "Shuffling as soon as Slack allows{about}.",
    Wish.UNDO: "Bringing back the photo before the last one{about}.",
    Wish.RESTORE: "Putting your own photo back{about}. After that nothing changes until you resume.",
    Wish.LEAVE: "Putting your own photo back{about}. Then our permission ends, and your choices are kept for a while.",
    Wish.FORGET: "Putting your own photo back{about}. Then our permission ends, and everything about you is deleted.",
}
"""What is being done for the member; `about` is empty or the time at which it will happen."""

GOODBYES: Final[Mapping[Wish, str]] = {
    Wish.LEAVE: "Our permission to change your photo ends{about}. Your choices are kept for a while.",
    Wish.FORGET: "Our permission to change your photo ends{about}, and everything about you is deleted.",
}
"""The same for who leaves with their own photo on."""

PROBLEMS: Final[Mapping[str, str]] = {
    Sentence.SLACK_BUSY: "Slack was too busy to change your photo. We try again by ourselves.",
    Sentence.MIGRATING: "Slack is moving your workspace, so photos cannot change. We try again by ourselves.",
    Sentence.RECONNECT: "Slack ended our permission to change your photo.",
    Sentence.CONSENT: "A permission that changing your photo needs is missing.",
    Sentence.PICTURE: "Slack did not like the picture, so we picked another one.",
    Sentence.FORBIDDEN: "Slack says that photos may not be changed here.",
    Sentence.TWO_FACTOR: "Slack asks you to set up two-factor authentication before your photo may change.",
    Sentence.TEAM_ACCESS: "Your organisation has not given Rotavatar access to this workspace.",
    Sentence.NETWORK: "Your organisation does not let Rotavatar in from its network.",
    BROKEN: (
        "Something on our side broke each time we tried to change your photo, and the people who run Rotavatar can "
        "see it. We let it rest for some hours, unless you ask for a change before."
    ),
}
"""Why the last change did not work, by the key that the record holds."""

OUR_FAULT: Final = "Something went wrong on our side, and the people who run Rotavatar can see it. We try again."
"""What is said of every other key: the member can do nothing about it."""

SCOPES: Final = (
    "*Why Slack asks you for two permissions:* reading your profile lets us keep your own photo safe; "
    "changing your profile lets us set a new one. Nothing else is read."
)

CREDITS: Final = "Pictures: <{source}|{art}> by {creator}, <{licence_url}|{licence}>."

FALLBACK: Final = (
    "Rotavatar is working, but Slack did not accept this page just now. Your photo and your choices are safe. "
    "The people who run Rotavatar can see the problem."
)
"""All that is shown where Slack refused the whole view."""
