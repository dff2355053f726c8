"""Photos and profiles: https://docs.slack.dev/reference/methods/users.setPhoto and its neighbours."""

from slack_simulator import people
from slack_simulator.errors import SlackError, invalid_arguments
from slack_simulator.photos import Crop
from slack_simulator.webapi.methods import Call, Result


async def set_photo(call: Call) -> Result:
    """The member's new photo; an empty image is refused, so that a client that sends none on a retry is caught."""
    image = call.arguments.files.get("image")
    if image is None:
        raise invalid_arguments("[ERROR] missing required field: image")
    member = call.own_member()
    people.set_photo(call.slack, team=call.caller.team, member=member, content=image, crop=_crop(call))
    if call.slack.trouble.any(call.caller.team, "no_profile"):
        return {}
    return {"profile": call.slack.profile(member)}


async def delete_photo(call: Call) -> Result:
    """Back to the picture that Slack draws."""
    people.delete_photo(call.slack, team=call.caller.team, member=call.own_member())
    return {}


async def profile_get(call: Call) -> Result:
    """The profile of `user`, or the caller's own."""
    user = call.text("user")
    member = call.member(user) if user else call.own_member()
    return {"profile": call.slack.profile(member)}


async def info(call: Call) -> Result:
    """A user as others see them."""
    user = call.text("user")
    if not user:
        raise SlackError("user_not_found")
    return {"user": call.slack.user(call.member(user), team=call.caller.team)}


def _crop(call: Call) -> Crop | None:
    names = ("crop_x", "crop_y", "crop_w")
    given = [call.text(name) for name in names]
    if not any(given):
        return None
    if not all(value.isdecimal() and len(value) < 6 for value in given):  # noqa: PLR2004
        raise invalid_arguments("crop_x, crop_y and crop_w must be whole numbers")
    return Crop(x=int(given[0]), y=int(given[1]), width=int(given[2]))
