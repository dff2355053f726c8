"""Every setting of Rotavatar, declared once; docs/settings.md is made of this (`python -m rotavatar.settings`).

A process loads its own struct once, at its start, and passes the groups on to those who need them. Nothing else reads
the environment. Groups can be loaded on their own too, for commands that need only Redis.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from rotavatar import configuration
from rotavatar.configuration import Secret, Setting
from rotavatar.keyring import read_vault_keys
from rotavatar.redis import RedisAccess

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]
InstallPolicy = Literal["open", "approve", "declared"]
Kind = TypeVar("Kind", bound=msgspec.Struct)


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process needs to be seen."""

    host: Annotated[
        str,
        Setting(
            name="HOST",
            read=configuration.text(r"[0-9A-Za-z.:_-]{1,255}", form="an address or a host name"),
            description="Address on which the process listens.",
            unit="address",
            default="0.0.0.0",  # noqa: S104  a container's only way to be reached
        ),
    ]
    metrics_port: Annotated[
        int,
        Setting(
            name="METRICS_PORT",
            read=configuration.whole(0, 65535),
            description="Port of `/metrics`, `/healthz` and `/readyz`; 0 takes a free one.",
            unit="port",
            default="9090",
        ),
    ]
    log_level: Annotated[
        LogLevel,
        Setting(
            name="LOG_LEVEL",
            read=configuration.choice(LogLevel),
            description="The least severe events that are logged.",
            unit="debug, info, warning or error",
            default="info",
        ),
    ]
    log_format: Annotated[
        LogFormat,
        Setting(
            name="LOG_FORMAT",
            read=configuration.choice(LogFormat),
            description="One JSON object per event, or text for people; `auto` is text on a terminal, else JSON.",
            unit="auto, json or text",
            default="auto",
        ),
    ]


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where ingress serves Slack and people."""

    port: Annotated[
        int,
        Setting(
            name="PORT",
            read=configuration.whole(0, 65535),
            description="Port of the routes that Slack and browsers call; 0 takes a free one.",
            unit="port",
            default="8080",
        ),
    ]


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The data plane."""

    url: Annotated[
        Secret,
        Setting(
            name="REDIS_URL",
            read=configuration.redis_url,
            description="Redis 7.0+ or Valkey 8+ that holds all state; `rotavatar doctor` says whether it is fit.",
            unit="redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix:// URL",
            secret=True,
        ),
    ]
    username: Annotated[
        str,
        Setting(
            name="REDIS_USERNAME",
            read=configuration.optional_text,
            description="ACL user at Redis, where the URL does not name one; empty for the default user.",
            unit="name",
            default="",
        ),
    ]
    password: Annotated[
        Secret | None,
        Setting(
            name="REDIS_PASSWORD",
            read=configuration.optional_secret,
            description="Password at Redis, where it shall not stand in the URL; empty for none.",
            unit="text",
            default="",
            secret=True,
        ),
    ]
    sentinel_username: Annotated[
        str,
        Setting(
            name="REDIS_SENTINEL_USERNAME",
            read=configuration.optional_text,
            description="User at the Sentinels, where they ask for one.",
            unit="name",
            default="",
        ),
    ]
    sentinel_password: Annotated[
        Secret | None,
        Setting(
            name="REDIS_SENTINEL_PASSWORD",
            read=configuration.optional_secret,
            description="Password at the Sentinels, where they ask for one.",
            unit="text",
            default="",
            secret=True,
        ),
    ]
    ca: Annotated[
        str,
        Setting(
            name="REDIS_CA",
            read=configuration.certificates,
            description="Certificates of the only authorities that are believed about Redis over TLS; empty "
            "for those of the system.",
            unit="PEM",
            default="",
        ),
    ]

    @property
    def access(self) -> RedisAccess:
        """All of it, for `Redis.connect`."""
        return RedisAccess(
            url=self.url,
            username=self.username,
            password=self.password,
            sentinel_username=self.sentinel_username,
            sentinel_password=self.sentinel_password,
            ca=self.ca,
        )


class PublicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the outside sees ingress."""

    url: Annotated[
        str,
        Setting(
            name="PUBLIC_URL",
            read=configuration.origin,
            description="Where Slack and browsers reach ingress_api; Slack asks for https and a valid certificate.",
            unit="https://host",
        ),
    ]


class SlackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The Slack app, as shown on its page *Basic Information* (https://api.slack.com/apps)."""

    base_url: Annotated[
        str,
        Setting(
            name="SLACK_BASE_URL",
            read=configuration.origin,
            description="Where Slack is; other than the default for GovSlack (`https://slack-gov.com`) or a simulator.",
            unit="https://host",
            default="https://slack.com",
        ),
    ]
    app_id: Annotated[
        str,
        Setting(
            name="SLACK_APP_ID",
            read=configuration.text(r"A[A-Z0-9]{1,30}", form="an app id like A0123ABCD"),
            description="Id of the Slack app, from its page *Basic Information*.",
            unit="A…",
        ),
    ]
    client_id: Annotated[
        str,
        Setting(
            name="SLACK_CLIENT_ID",
            read=configuration.text(r"[0-9A-Za-z.]{1,100}", form="a client id like 1234.5678"),
            description="Client id of the Slack app, from its page *Basic Information*.",
            unit="digits.digits",
        ),
    ]
    client_secret: Annotated[
        Secret,
        Setting(
            name="SLACK_CLIENT_SECRET",
            read=configuration.secret,
            description="Client secret of the Slack app, from its page *Basic Information*.",
            unit="text",
            secret=True,
        ),
    ]


class SigningSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How ingress knows Slack's requests from others."""

    secrets: Annotated[
        tuple[Secret, ...],
        Setting(
            name="SLACK_SIGNING_SECRET",
            read=configuration.secrets,
            description="Signing secret of the Slack app, from *Basic Information*; the old and the new one, separated "
            "by a comma, while it is being replaced.",
            unit="one or several, separated by commas",
            secret=True,
        ),
    ]


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What seals credentials and photos."""

    keys: Annotated[
        Secret,
        Setting(
            name="VAULT_KEYS",
            read=read_vault_keys,
            description="Keys that seal tokens and photos: the first one seals, all of them open. `rotavatar keys new` "
            "makes one. Given as a file, it is read again when it changes.",
            unit="id:base64 of 32 bytes; several separated by commas",
            secret=True,
        ),
    ]


class CatalogueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The drawn avatars."""

    folder: Annotated[
        Path,
        Setting(
            name="CATALOGUE_DIR",
            read=configuration.folder,
            description="Folder with the catalogues of drawn avatars, the present one and older ones.",
            unit="path",
            default="/usr/share/rotavatar/catalogue",
        ),
    ]


class PhotoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The photos that members had before, and their uploads."""

    store_url: Annotated[
        str,
        Setting(
            name="PHOTO_STORE_URL",
            read=configuration.text(
                r"(?!.*://).+|(file|s3|gs|az)://.+", form="a folder, or a URL of file://, s3://, gs:// or az://"
            ),
            description="Where members' own photos are kept, encrypted. Credentials for S3, Google or Azure come from "
            "where their own tools look for them.",
            unit="a folder, or file://, s3://, gs:// or az:// URL",
            default="/var/lib/rotavatar/photos",
        ),
    ]
    fetch_hosts: Annotated[
        configuration.FetchHosts,
        Setting(
            name="PHOTO_FETCH_HOSTS",
            read=configuration.fetch_hosts,
            description="Hosts from which a member's own photo may be fetched before it is first replaced. Slack keeps "
            "photos that people uploaded on its own network; a Gravatar is never fetched, as it is no custom photo.",
            unit="host names separated by commas, `*.` for all below",
            default="avatars.slack-edge.com",
        ),
    ]


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a member who left may find everything as it was."""

    days: Annotated[
        int,
        Setting(
            name="RETENTION_DAYS",
            read=configuration.whole(0, 3650),
            description="How long preferences and own photo are kept, encrypted, after a member left or an app was "
            "removed; then they are purged. 0 purges at once.",
            unit="days",
            default="30",
        ),
    ]


class InstallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which workspaces may install the app by themselves."""

    policy: Annotated[
        InstallPolicy,
        Setting(
            name="INSTALL_POLICY",
            read=configuration.choice(InstallPolicy),
            description="Which workspaces may add the app by OAuth: all (`open`), all but a new one waits until it is "
            "approved (`approve`), or those that have a SlackTenant (`declared`).",
            unit="open, approve or declared",
            default="open",
        ),
    ]


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator watches and makes in Kubernetes."""

    watched: Annotated[
        tuple[str, ...],
        Setting(
            name="WATCH_NAMESPACES",
            read=configuration.namespaces,
            description="Namespaces whose SlackTenants the operator takes care of; empty for the whole cluster.",
            unit="names separated by commas",
            default="",
        ),
    ]
    install_namespace: Annotated[
        str,
        Setting(
            name="INSTALL_NAMESPACE",
            read=configuration.namespace,
            description="Where workspaces that were installed by OAuth get a SlackTenant; empty for nowhere.",
            unit="name of a namespace",
            default="",
        ),
    ]
    install_tenant_policy: Annotated[
        str,
        Setting(
            name="INSTALL_TENANT_POLICY",
            read=configuration.json_object,
            description="`spec.policy` of SlackTenants that are made for installations by OAuth; empty for none.",
            unit="JSON object",
            default="",
        ),
    ]
    checks_per_second: Annotated[
        int,
        Setting(
            name="TOKEN_CHECKS_PER_SECOND",
            read=configuration.whole(1, 1000),
            description="How many bot tokens of Secrets the operator checks with Slack at most.",
            unit="calls of auth.test per second",
            default="100",
        ),
    ]


class IngressSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`python -m ingress_api`."""

    process: ProcessSettings
    web: WebSettings
    redis: RedisSettings
    public: PublicSettings
    slack: SlackSettings
    signing: SigningSettings
    vault: VaultSettings
    catalogue: CatalogueSettings
    install: InstallSettings


class RotatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`python -m rotator`."""

    process: ProcessSettings
    redis: RedisSettings
    slack: SlackSettings
    vault: VaultSettings
    catalogue: CatalogueSettings
    photos: PhotoSettings
    retention: RetentionSettings


class PublisherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`python -m publisher`."""

    process: ProcessSettings
    redis: RedisSettings
    public: PublicSettings
    slack: SlackSettings
    vault: VaultSettings
    catalogue: CatalogueSettings


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`python -m slacktenant_operator`."""

    process: ProcessSettings
    redis: RedisSettings
    public: PublicSettings
    slack: SlackSettings
    vault: VaultSettings
    install: InstallSettings
    tenants: TenantSettings


INTRODUCTION = """\
Made from `services/rotavatar/settings.py` by `make docs`. Every setting is an environment variable; each may be given
instead as `<NAME>_FILE`, the path of a mounted file with the value. White space around a value does not count, and an
empty variable counts as not set. A process reads only what it needs, and does not start when something that it needs is
missing or wrong, or when a `ROTAVATAR_` variable is none of these.
"""

PROCESSES: Mapping[str, type[msgspec.Struct]] = {
    "ingress_api": IngressSettings,
    "rotator": RotatorSettings,
    "publisher": PublisherSettings,
    "slacktenant_operator": OperatorSettings,
}


def every_setting() -> dict[str, tuple[Setting, list[str]]]:
    """Each declared setting by its name, with the processes that read it."""
    found: dict[str, tuple[Setting, list[str]]] = {}
    for process, kind in PROCESSES.items():
        for setting in configuration.declared(kind):
            found.setdefault(setting.name, (setting, []))[1].append(process)
    return found


def load(kind: type[Kind], environ: Mapping[str, str]) -> Kind:
    """The settings of one process, or one group of them, from `environ` (os.environ, passed by the entry file).

    Settings of other processes may be there and are not read. Raises ConfigurationError: one line for each setting
    that is missing, wrong or unknown.
    """
    return configuration.load(kind, environ, known=(setting for setting, _ in every_setting().values()))


def documentation() -> str:
    """The page docs/settings.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield from INTRODUCTION.splitlines()
    for setting, processes in every_setting().values():
        yield from ("", f"## `{setting.variable}`", "", setting.description, "")
        yield "| form or unit | default | secret | read by |"
        yield "|---|---|---|---|"
        default = {None: "must be given", "": "empty"}.get(setting.default, f"`{setting.default}`")
        yield f"| {setting.unit} | {default} | {'yes' if setting.secret else 'no'} | {', '.join(processes)} |"


if __name__ == "__main__":
    sys.stdout.write(documentation())
