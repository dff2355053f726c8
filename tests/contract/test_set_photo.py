"""Line 7: users.setPhoto and what profiles show afterwards."""

import io
import re
from typing import Any

import httpx
import pytest
from PIL import Image
from slack_sdk.web.async_client import AsyncWebClient

from tests.contract.conftest import Target, picture
from tests.contract.receiver import Receiver
from tests.patience import SECONDS

SIZES = (24, 32, 48, 72, 192, 512, 1024)
PATH = re.compile(r"/avatars/\d{4}-\d\d-\d\d/\d+_([0-9a-f]{20})_(\d+|original)\.(jpg|png|gif)$")


async def own_profile(target: Target) -> Any:
    return (await target.call("users.profile.get", token=target.user_token))["profile"]


def animated(frames: int) -> bytes:
    images = [Image.new("L", (64, 64), n * 2) for n in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=20)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
async def test_the_documented_formats(target: Target, kind):
    answer = await target.set_photo(picture(kind=kind), kind=f"image/{kind.lower()}")
    assert answer["ok"]
    assert re.fullmatch("[0-9a-f]{12}", (await own_profile(target))["avatar_hash"])


async def test_the_profile_lists_every_size(target: Target):
    await target.set_photo(picture(kind="JPEG"), kind="image/jpeg")
    profile = await own_profile(target)
    assert {f"image_{size}" for size in SIZES} | {"image_original"} <= profile.keys()
    found = PATH.search(profile["image_512"])
    assert found
    assert found[1].startswith(profile["avatar_hash"])
    assert profile["image_512"].endswith("_512.jpg")


async def test_each_size_can_be_fetched_and_is_encoded_anew(sim, member: Target):
    sent = picture(kind="JPEG")
    profile = (await member.set_photo(sent))["profile"]
    for size in SIZES:
        content = (await member.client.get(profile[f"image_{size}"])).content
        assert Image.open(io.BytesIO(content)).size == (size, size)
        assert content != sent
    assert (await member.client.get(profile["image_original"])).content == sent
    assert (await member.client.get(profile["image_512"].replace("_512", "_513"))).status_code == 404


async def test_the_answer_shows_the_profile_that_is_read_afterwards(sim, member: Target):
    assert (await member.set_photo(picture()))["profile"] == await own_profile(member)


async def test_the_answer_may_lack_the_profile_as_the_documentation_shows_it(sim, member: Target):
    await member.client.post("/ui/api/trouble/no_profile", json={"on": True})
    assert await member.set_photo(picture()) == {"ok": True}
    assert "image_original" in await own_profile(member)


async def test_each_upload_of_the_same_picture_gets_a_hash_of_its_own(sim, member: Target):
    first, second = await member.set_photo(picture()), await member.set_photo(picture())
    assert first["profile"]["avatar_hash"] != second["profile"]["avatar_hash"]


async def test_more_than_1024_pixels_is_too_large(target: Target):
    assert (await target.set_photo(picture(1025)))["error"] == "too_large"
    assert (await target.set_photo(picture(1024, height=1100)))["error"] == "too_large"
    assert (await target.set_photo(picture(1024)))["ok"]


@pytest.mark.parametrize("content", [b"", b"no picture", picture()[:300], picture(kind="WEBP"), picture(kind="BMP")])
async def test_what_is_no_picture_is_a_bad_image(target: Target, content):
    before = (await own_profile(target))["avatar_hash"]
    assert (await target.set_photo(content))["error"] == "bad_image"
    assert (await own_profile(target))["avatar_hash"] == before


async def test_without_the_image(target: Target):
    answer = await target.call("users.setPhoto", token=target.user_token, data={"crop_x": "0"})
    assert answer["error"] == "invalid_arguments"


async def test_an_animation_with_many_frames(sim, member: Target):
    assert (await member.set_photo(animated(sim.slack.rules.max_frames + 1)))["error"] == "too_many_frames"
    assert (await member.set_photo(animated(3)))["ok"]


async def test_a_bot_token_is_not_allowed(target: Target):
    answer = await target.call("users.setPhoto", token=target.bot_token, files={"image": ("a.png", picture())})
    assert answer["error"] == "not_allowed_token_type"


async def test_a_missing_scope_names_what_is_needed_and_what_there_is(sim):
    sim.configure(user_scopes=("users.profile:read",))
    async with httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        team = sim.add_team().id
        user = sim.add_member(team).id
        token = sim.install(team, user)["user"].access
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post("/api/users.setPhoto", headers=headers, files={"image": ("a.png", picture())})
    expected = {"needed": "users.profile:write", "provided": "users.profile:read"}
    assert answer.json() == {"ok": False, "error": "missing_scope", **expected}
    assert answer.headers["x-oauth-scopes"] == "users.profile:read"


async def test_a_body_that_begins_with_an_empty_line_is_read(target: Target):
    part = b'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = b"\r\n--edge\r\n" + part + picture() + b"\r\n--edge--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    assert (await target.call("users.setPhoto", token=target.user_token, content=body, headers=headers))["ok"]


async def test_the_official_client_is_understood(sim, member: Target):
    client = AsyncWebClient(token=member.user_token, base_url=f"{sim.url}/api/")
    answer = await client.users_setPhoto(image=io.BytesIO(picture()))
    assert answer["profile"]["avatar_hash"] == (await own_profile(member))["avatar_hash"]


async def test_a_retry_that_sends_an_empty_file_does_not_succeed(sim, member: Target):
    files = {"image": ("image", b"", "application/octet-stream")}
    answer = await member.call("users.setPhoto", token=member.user_token, files=files)
    assert answer["error"] == "bad_image"


async def test_cropping(sim, member: Target):
    upload = Image.new("RGB", (600, 400), "red")
    upload.paste("blue", (100, 50, 400, 350))
    out = io.BytesIO()
    upload.save(out, "PNG")
    answer = await member.set_photo(out.getvalue(), crop_x="100", crop_y="50", crop_w="300")
    served = Image.open(io.BytesIO((await member.client.get(answer["profile"]["image_512"])).content)).convert("RGB")
    assert {served.getpixel((5, 5)), served.getpixel((506, 506))} == {(0, 0, 255)}
    assert (await member.set_photo(out.getvalue(), crop_x="500", crop_y="0", crop_w="300"))["error"] == "bad_image"
    assert (await member.set_photo(out.getvalue(), crop_x="-1"))["error"] == "invalid_arguments"


async def test_a_picture_that_is_not_square_is_letterboxed(sim, member: Target):
    out = io.BytesIO()
    Image.new("RGB", (800, 400), "blue").save(out, "PNG")
    profile = (await member.set_photo(out.getvalue()))["profile"]
    served = Image.open(io.BytesIO((await member.client.get(profile["image_512"])).content)).convert("RGB")
    assert served.getpixel((256, 10)) == (255, 255, 255)
    assert served.getpixel((256, 256)) == (0, 0, 255)


async def test_deleting_shows_the_drawn_picture_again(target: Target):
    await target.set_photo(picture())
    assert (await target.call("users.deletePhoto", token=target.user_token)) == {"ok": True}
    profile = await own_profile(target)
    assert profile["avatar_hash"].startswith("g")
    assert not {"image_1024", "image_original"} & profile.keys()


async def test_a_drawn_picture_can_be_fetched(sim, member: Target):
    profile = await own_profile(member)
    answer = await member.client.get(profile["image_192"])
    assert Image.open(io.BytesIO(answer.content)).size == (192, 192)


async def test_a_replaced_photo_is_served_a_while_longer(sim, member: Target):
    old = (await member.set_photo(picture()))["profile"]["image_72"]
    await member.set_photo(picture(seed=2))
    assert (await member.client.get(old)).status_code == 200


async def test_locked_photos_are_refused(sim, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    await member.client.post("/ui/api/trouble/lock_photos", json={"team": team, "on": True})
    assert (await member.set_photo(picture()))["error"] == "access_denied"


async def test_every_change_is_told_once_to_an_app_that_may_read_users(sim, app: Receiver, member: Target):
    answer = await member.set_photo(picture())
    await sim.slack.delivery.settled()
    (event,) = [r.event for r in app.received]
    assert event["type"] == "user_profile_changed"
    assert event["user"]["id"] == member.user
    assert event["user"]["profile"]["avatar_hash"] == answer["profile"]["avatar_hash"]


async def test_users_info(target: Target):
    answer = await target.call("users.info", token=target.bot_token, data={"user": target.user})
    assert answer["user"]["id"] == target.user
    assert answer["user"]["profile"]["avatar_hash"]
    missing = await target.call("users.info", token=target.bot_token, data={"user": "U000000"})
    assert missing["error"] == "user_not_found"
