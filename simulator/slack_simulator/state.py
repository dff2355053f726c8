"""Everything this Slack remembers: workspaces, people, installations, tokens and Home tabs.

The structs here change in place (it is a database, not a message); only the modules of their subject change them.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

WorkspaceKind = Literal["team", "org"]
TokenKind = Literal["bot", "user"]


class Photo(msgspec.Struct, frozen=True):
    """A photo that somebody set. `digest` names the bytes, `file_hash` (20 hex digits) this one upload of them."""

    day: str
    number: str
    file_hash: str
    digest: str
    extension: str
    width: int
    height: int

    @property
    def avatar_hash(self) -> str:
        """What profiles show as avatar_hash: the first 12 hexadecimal digits."""
        return self.file_hash[:12]

    @property
    def stem(self) -> str:
        """The start of its path under /avatars/, before the size."""
        return f"{self.day}/{self.number}_{self.file_hash}"


class Member(msgspec.Struct, kw_only=True):
    """A person. `photo` is None while the person wears the picture that Slack drew."""

    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "Europe/Berlin"
    default_picture: int = 0
    default_hash: str = "g00000000000"
    photo: Photo | None = None
    updated: float = 0.0
    deactivated: bool = False
    is_bot: bool = False


class Workspace(msgspec.Struct, kw_only=True):
    """A team, or an Enterprise organisation whose teams name it as `enterprise_id`."""

    id: str
    name: str
    domain: str
    kind: WorkspaceKind = "team"
    enterprise_id: str | None = None
    member_ids: dict[str, None] = msgspec.field(default_factory=dict)
    migrating_to: str | None = None

    @property
    def home(self) -> str:
        """Where its people are kept: the organisation, else the team itself."""
        return self.enterprise_id or self.id


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A published Home tab. `chosen` holds what the reader selected in it, by block id and action id."""

    view: dict[str, Any]
    hash: str
    updated_at: float
    chosen: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class Grant(msgspec.Struct, kw_only=True):
    """What one user (or the bot) allowed the app, and the tokens issued for it, oldest first."""

    kind: TokenKind
    user_id: str
    scopes: list[str]
    granted_at: float
    tokens: list[str] = msgspec.field(default_factory=list)
    refresh: str | None = None
    spent: dict[str, float] = msgspec.field(default_factory=dict)


class Installation(msgspec.Struct, kw_only=True):
    """An app in a workspace, or in a whole organisation (`teams` then lists where it may act)."""

    app_id: str
    workspace_id: str
    is_enterprise_install: bool
    bot_id: str
    bot_user_id: str
    installed_at: float
    bot: Grant | None = None
    users: dict[str, Grant] = msgspec.field(default_factory=dict)
    homes: dict[str, Home] = msgspec.field(default_factory=dict)
    teams: dict[str, None] = msgspec.field(default_factory=dict)

    def grants(self) -> Iterable[Grant]:
        """The bot's grant, where there is one, and every user's."""
        if self.bot is not None:
            yield self.bot
        yield from self.users.values()


class Token(msgspec.Struct, kw_only=True):
    """An access token that was issued once. `dead` is the error that its use gets, once it is revoked."""

    app_id: str
    workspace_id: str
    kind: TokenKind
    user_id: str
    issued_at: float
    expires_at: float | None = None
    dead: str | None = None


class World(msgspec.Struct, kw_only=True):
    """All of it, in a shape that goes to JSON and back."""

    workspaces: dict[str, Workspace] = msgspec.field(default_factory=dict)
    people: dict[str, Member] = msgspec.field(default_factory=dict)
    installations: dict[str, Installation] = msgspec.field(default_factory=dict)
    tokens: dict[str, Token] = msgspec.field(default_factory=dict)

    def member(self, team: str, user: str) -> Member | None:
        """The person `user` of the team or organisation `team`; None if there is no such person."""
        workspace = self.workspaces.get(team)
        if workspace is None or user not in workspace.member_ids:
            return None
        return self.people.get(f"{workspace.home}:{user}")

    def members(self, team: str) -> list[Member]:
        """Everybody of `team`, in the order in which they came."""
        workspace = self.workspaces[team]
        return [self.people[f"{workspace.home}:{user}"] for user in workspace.member_ids]

    def add_member(self, team: str, member: Member) -> None:
        """Put `member` into `team` (and into its organisation)."""
        workspace = self.workspaces[team]
        self.people[f"{workspace.home}:{member.id}"] = member
        workspace.member_ids[member.id] = None
        if workspace.enterprise_id and workspace.kind == "team":
            self.workspaces[workspace.enterprise_id].member_ids[member.id] = None

    def teams_of(self, enterprise: str) -> list[Workspace]:
        """The teams of an organisation."""
        return [w for w in self.workspaces.values() if w.kind == "team" and w.enterprise_id == enterprise]

    def installation(self, app_id: str, workspace: str) -> Installation | None:
        """The app's installation in exactly this team or organisation."""
        return self.installations.get(f"{app_id}:{workspace}")

    def serving(self, app_id: str, team: str) -> Installation | None:
        """The installation that serves `team`: the organisation's where it was granted this team, else its own."""
        workspace = self.workspaces[team]
        if workspace.kind == "team" and workspace.enterprise_id:
            org = self.installation(app_id, workspace.enterprise_id)
            if org is not None and team in org.teams:
                return org
        return self.installation(app_id, team)

    def install(self, installation: Installation) -> None:
        """Remember a new installation."""
        self.installations[f"{installation.app_id}:{installation.workspace_id}"] = installation

    def forget_installation(self, installation: Installation) -> None:
        """Drop an installation with its Home tabs; its tokens stay known as dead."""
        self.installations.pop(f"{installation.app_id}:{installation.workspace_id}", None)
