"""The photo itself: judging what Slack shows, keeping the member's own, fetching what is to be shown, showing it."""

from collections.abc import Callable
from typing import Final

from rotator.judgement import Verdict, judge
from rotator.placement import member_of
from rotator.resemblance import resembles
from rotator.wardrobe import Wardrobe
from rotavatar.errors import RequestRefused, SlackBusy, Unavailable
from rotavatar.photo_store import PhotoRef, PhotoStore
from rotavatar.records import OWN_PICTURE, OwnPhoto, Snapshot
from rotavatar.slack import Profile, SlackClient
from rotavatar.slack.photos import mime_of
from rotavatar.store import LeaseStore

PUT_SECONDS: Final = 15.0
"""Longer than the photo store may take to write (10 s): until then a sweep leaves the member's photos alone."""


class Showing:
    """Everything that touches a photo's bytes. Raises SlackError classes, and Unavailable for the photo store."""

    def __init__(
        self,
        *,
        slack: SlackClient,
        photos: PhotoStore,
        leases: LeaseStore,
        wardrobe: Wardrobe,
        may_fetch: Callable[[str], bool],
    ) -> None:
        """`may_fetch` says from which hosts a member's own photo may be fetched."""
        self._slack = slack
        self._photos = photos
        self._leases = leases
        self._wardrobe = wardrobe
        self._may_fetch = may_fetch

    async def verdict(self, seen: Snapshot, profile: Profile) -> Verdict:
        """Whose photo it is; after a crash between our call and its answer by looking at it."""
        member = member_of(seen)
        verdict = judge(member, profile)
        if verdict is not Verdict.COMPARE:
            return verdict
        assert member.intent is not None
        meant = await self.content(seen, member.intent.picture)
        url = profile.image_512 or profile.image_192
        if meant is None or url is None:
            return Verdict.OUTSIDE
        shown = await self._slack.fetch_photo(url, allow=self._may_fetch)
        return Verdict.DONE if resembles(shown.content, meant[0]) else Verdict.OUTSIDE

    async def keep(self, seen: Snapshot, profile: Profile) -> OwnPhoto:
        """Store the member's own photo before it is first replaced."""
        if not profile.has_own_photo:
            return OwnPhoto(hash=profile.avatar_hash)
        url = profile.image_1024 or profile.image_512
        if url is None:
            raise SlackBusy(method="users.profile.get", code="no_image_url")
        photo = await self._slack.fetch_photo(url, allow=self._may_fetch)
        async with self._leases.photos(seen.workspace, seen.user, seconds=PUT_SECONDS) as free:
            if not free:
                raise Unavailable("photo store: this member's photos are being swept")
            ref = await self._photos.put(photo.content, workspace=seen.workspace, user=seen.user)
        return OwnPhoto(hash=profile.avatar_hash, name=ref.name)

    async def content(self, seen: Snapshot, picture: str) -> tuple[bytes, str] | None:
        """Bytes and MIME type of a picture; None for a default photo of Slack's, or where the picture is gone."""
        own = member_of(seen).own
        if picture != OWN_PICTURE:
            return self._wardrobe.load(picture) if picture else None
        if own is None or not own.name:
            return None
        photo = await self._photos.get(PhotoRef(workspace=seen.workspace, user=seen.user, name=own.name))
        mime = None if photo is None else mime_of(photo)
        if photo is None or mime is None:
            raise RequestRefused(method="photo_store", code="own_photo_missing")
        return photo, mime

    async def show(self, token: str, content: tuple[bytes, str] | None) -> Profile | None:
        """Put a photo up, or take ours down for the default one; the profile as it is then, where Slack tells it."""
        if content is None:
            await self._slack.delete_photo(token)
            return None
        answer = await self._slack.set_photo(token, image=content[0], mime=content[1])
        return answer if answer is not None and answer.avatar_hash else None
