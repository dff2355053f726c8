"""From what Slack granted to what is stored: decided here, stored by one script."""

from typing import Final

import msgspec

from rotavatar import scopes
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, seal_credential
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, Status, WorkspaceRecord
from rotavatar.slack import IssuedToken, OAuthGrant
from rotavatar.vault import Owner, Vault

MILLISECONDS: Final = 1000


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What WorkspaceStore.install takes."""

    workspace: Workspace
    user: User
    record: WorkspaceRecord | None
    member: Member | None
    joined: Joined
    publish: PublishAsked


def home_of(grant: OAuthGrant) -> Workspace:
    """The workspace that a grant is for. Raises ValueError where it names none."""
    key = grant.enterprise_id if grant.is_enterprise_install else grant.team_id
    if not key or not grant.user_id:
        raise ValueError("the grant names no workspace or no person")
    return Workspace(key)


def is_installed(record: WorkspaceRecord | None) -> bool:
    """Whether the app is in the workspace: people can connect only then."""
    return record is not None and bool(record.credential) and record.status is not Status.UNINSTALLED


def missing_scopes(grant: OAuthGrant) -> frozenset[str]:
    """The scopes without which this person's photo cannot be changed and that they did not grant."""
    return scopes.NEEDED - (grant.user.scopes if grant.user else frozenset())


def issued_at_ms(grant: OAuthGrant) -> int:
    """When Slack gave the grant."""
    return round(grant.issued_at * MILLISECONDS)


def installation(grant: OAuthGrant, *, workspace: Workspace, app_id: str, vault: Vault, trace: str) -> Installation:
    """What a grant brings: the workspace's record where it holds a bot token, the member's where it holds theirs."""
    at = issued_at_ms(grant)
    user = User(grant.user_id)
    return Installation(
        workspace=workspace,
        user=user,
        record=_record(grant, grant.bot, workspace=workspace, app_id=app_id, vault=vault) if grant.bot else None,
        member=_member(grant, grant.user, workspace=workspace, vault=vault) if grant.user else None,
        joined=Joined(workspace=workspace, user=user, at=at, trace=trace),
        publish=PublishAsked(workspace=workspace, user=user, at=at, trace=trace, looking=True),
    )


def _record(
    grant: OAuthGrant, token: IssuedToken, *, workspace: Workspace, app_id: str, vault: Vault
) -> WorkspaceRecord:
    org = grant.is_enterprise_install
    return WorkspaceRecord(
        app=app_id,
        name=(grant.enterprise_name if org else grant.team_name) or "",
        enterprise=grant.enterprise_id or "",
        org=org,
        credential=seal_credential(vault, _credential(token, grant.issued_at), Owner("bot", workspace)),
        credential_at=round(grant.issued_at * MILLISECONDS),
        bot_user=grant.bot_user_id or "",
    )


def _member(grant: OAuthGrant, token: IssuedToken, *, workspace: Workspace, vault: Vault) -> Member:
    owner = Owner("member", workspace, grant.user_id)
    return Member(
        credential=seal_credential(vault, _credential(token, grant.issued_at), owner),
        credential_at=round(grant.issued_at * MILLISECONDS),
    )


def _credential(token: IssuedToken, issued_at: float) -> Credential:
    return Credential(
        access_token=Secret(token.access_token),
        refresh_token=Secret(token.refresh_token) if token.refresh_token else None,
        expires_at=None if token.expires_in is None else int(issued_at) + token.expires_in,
        scopes=tuple(sorted(token.scopes)),
    )
