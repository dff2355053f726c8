"""What happens to people: they join, and their photos change."""

from slack_simulator.errors import SlackError
from slack_simulator.lifecycle import finish_migration, start_migration, tell_profile
from slack_simulator.photos import DEFAULT_PICTURES, Crop
from slack_simulator.slack import Slack
from slack_simulator.state import Member, Workspace


def join(
    slack: Slack, *, team: str, name: str, real_name: str, title: str = "", tz: str = "Europe/Berlin", user: str = ""
) -> Member:
    """A new person in `team`, wearing a picture that Slack drew; with the id `user` if one is given."""
    enterprise = slack.world.workspaces[team].enterprise_id
    member = Member(
        id=user or slack.ids.slack_id("W" if enterprise else "U"),
        name=name,
        real_name=real_name,
        title=title,
        tz=tz,
        default_picture=slack.ids.rng.randrange(DEFAULT_PICTURES),
        default_hash="g" + slack.ids.hexadecimal(11),
        updated=slack.clock.now(),
    )
    slack.world.add_member(team, member)
    slack.changed()
    return member


def set_photo(slack: Slack, *, team: str, member: Member, content: bytes, crop: Crop | None = None) -> None:
    """Give `member` a photo. Raises SlackError: bad_image, too_large, too_many_frames.

    What Slack answers where an organisation locked its photos is not known; access_denied is this simulator's guess.
    """
    if slack.trouble.any(team, "lock_photos"):
        raise SlackError("access_denied")
    photo = slack.photos.take_in(content, day=slack.today(), crop=crop)
    if member.photo is not None:
        slack.photos.replaced(member.photo)
    member.photo = photo
    _changed(slack, team=team, member=member)


def delete_photo(slack: Slack, *, team: str, member: Member) -> None:
    """Take the member's photo away; the picture that Slack drew shows again."""
    if slack.trouble.any(team, "lock_photos"):
        raise SlackError("access_denied")
    if member.photo is not None:
        slack.photos.replaced(member.photo)
    member.photo = None
    _changed(slack, team=team, member=member)


def _changed(slack: Slack, *, team: str, member: Member) -> None:
    member.updated = slack.clock.now()
    slack.changed()
    tell_profile(slack, team=team, member=member)


def found_team(
    slack: Slack, *, name: str, domain: str = "", team: str = "", enterprise: str | None = None
) -> Workspace:
    """A new team without people, in the organisation `enterprise` if named; with the id `team` if given."""
    workspace = Workspace(
        id=team or slack.ids.slack_id("T"),
        name=name,
        domain=domain or "".join(c for c in name.lower().replace(" ", "-") if c.isalnum() or c == "-"),
        enterprise_id=enterprise,
    )
    slack.world.workspaces[workspace.id] = workspace
    slack.changed()
    return workspace


def found_enterprise(slack: Slack, *, name: str, teams: list[str], enterprise: str = "") -> str:
    """A new Enterprise organisation that takes in `teams` with their people. Returns its id."""
    org = Workspace(
        id=enterprise or slack.ids.slack_id("E"), name=name, domain=name.lower().replace(" ", "-"), kind="org"
    )
    slack.world.workspaces[org.id] = org
    for team in teams:
        start_migration(slack, team=team, enterprise=org.id)
        finish_migration(slack, team=team)
    slack.changed()
    return org.id
