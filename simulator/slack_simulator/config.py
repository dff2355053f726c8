"""What the simulated Slack knows about the apps that talk to it, and how strict it is."""

import msgspec

TIER_1 = 1
TIER_2 = 20
TIER_3 = 50
TIER_4 = 100
SPECIAL = 600
"""Calls a minute of Slack's tiers: https://docs.slack.dev/apis/web-api/rate-limits. SPECIAL is what the pages of
oauth.v2.access and (by the official Java SDK) auth.test say."""


class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One Slack app as its settings pages describe it. URLs may be empty: then nothing is sent there."""

    app_id: str = "A0ROTAVATAR"
    name: str = "Rotavatar"
    client_id: str = "3141592653.5897932384"
    client_secret: str = "simulated-client-secret"  # noqa: S105
    signing_secrets: tuple[str, ...] = ("simulated-signing-secret",)
    verification_token: str = "simulated-verification-token"  # noqa: S105
    events_url: str = ""
    interactions_url: str = ""
    commands_url: str = ""
    options_url: str = ""
    install_url: str = ""
    redirect_urls: tuple[str, ...] = ()
    bot_scopes: tuple[str, ...] = ("commands", "users:read", "chat:write")
    user_scopes: tuple[str, ...] = ("users.profile:read", "users.profile:write")
    optional_scopes: tuple[str, ...] = ("chat:write",)
    events: tuple[str, ...] = (
        "app_home_opened",
        "app_uninstalled",
        "grid_migration_finished",
        "grid_migration_started",
        "team_access_granted",
        "team_access_revoked",
        "tokens_revoked",
        "user_profile_changed",
    )
    token_rotation: bool = False
    org_deploy: bool = True
    home_tab: bool = True


class DeliveryRules(msgspec.Struct, frozen=True, kw_only=True):
    """How events are delivered: https://docs.slack.dev/apis/events-api/. Times in seconds of the real clock."""

    timeout: float = 3.0
    retry_after: tuple[float, ...] = (0.0, 60.0, 300.0)
    max_redirects: int = 2
    delayed_events: bool = False
    delayed_interval: float = 3600.0
    delayed_attempts: int = 24
    window: float = 3600.0
    cap: int = 30_000
    disable_share: float = 0.95
    disable_floor: int = 1_000
    parallel: int = 128


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How strict this Slack is. The defaults are Slack's own; tests shorten times and raise limits.

    `limits` overrides calls a minute by method; `paced` turns every rate limit off when false. `refresh_grace` is how
    long a spent refresh token still works, in real seconds (Slack says "a short grace period"); `min_photo` refuses
    smaller photos in pixels (undocumented, so off by default); `cache_images` fetches a picture of a view only once.
    """

    delivery: DeliveryRules = DeliveryRules()
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    paced: bool = True
    token_life: float = 43_200.0
    refresh_grace: float = 60.0
    code_life: float = 600.0
    trigger_life: float = 3.0
    response_url_life: float = 1_800.0
    response_url_uses: int = 5
    min_photo: int = 0
    max_photo: int = 1024
    max_frames: int = 100
    image_timeout: float = 5.0
    cache_images: bool = False
    log_length: int = 5_000
