"""OAuth v2: the page where a person allows or refuses, and the trade of its code for tokens.

https://docs.slack.dev/authentication/installing-with-oauth: a code lives ten minutes and works once; redirect_uri must
equal a configured address or lie below it, and be repeated when the code is traded.
"""

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from slack_simulator import lifecycle
from slack_simulator.config import AppConfig
from slack_simulator.errors import SlackError
from slack_simulator.shown import show_member, show_workspace
from slack_simulator.slack import Code, Slack
from slack_simulator.state import Grant, Installation
from slack_simulator.tokens import Issued
from slack_simulator.webapi.arguments import Arguments

DENIAL = "The user has denied access to the scope(s) requested by the client application."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an app asks a person for."""

    app: AppConfig
    bot_scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]
    redirect_uri: str
    redirect_given: bool
    state: str | None
    team: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered, for which team or organisation, and which optional scopes they refused."""

    workspace: str
    user: str
    refused: tuple[str, ...] = ()


def asked(slack: Slack, query: dict[str, str]) -> Asked:
    """Check the query of the authorize page. Raises SlackError with the code that the page then shows."""
    try:
        app = slack.find_app(client_id=query.get("client_id", ""))
    except KeyError as error:
        raise SlackError("invalid_client_id") from error
    bot_scopes, user_scopes = _scopes(query.get("scope", "")), _scopes(query.get("user_scope", ""))
    if not bot_scopes and not user_scopes:
        raise SlackError("no_scopes")
    if set(bot_scopes) - set(app.bot_scopes) or set(user_scopes) - set(app.user_scopes):
        raise SlackError("invalid_scope")
    given = query.get("redirect_uri", "")
    redirect_uri = given or (app.redirect_urls[0] if app.redirect_urls else "")
    if not _allowed_redirect(app, redirect_uri):
        raise SlackError("bad_redirect_uri")
    return Asked(
        app=app,
        bot_scopes=bot_scopes,
        user_scopes=user_scopes,
        redirect_uri=redirect_uri,
        redirect_given=bool(given),
        state=query.get("state"),
        team=query.get("team", ""),
    )


def allow(slack: Slack, request: Asked, decision: Decision) -> str:
    """The person allows it: where the browser goes next, with a fresh code. Raises SlackError."""
    workspace = slack.world.workspaces.get(decision.workspace)
    member = slack.world.member(decision.workspace, decision.user)
    if workspace is None or member is None or member.deactivated:
        raise SlackError("user_not_found")
    if workspace.kind == "org" and not request.app.org_deploy:
        raise SlackError("scope_not_allowed_on_enterprise")
    code = f"{slack.ids.digits(12)}.{slack.ids.digits(13)}.{slack.ids.hexadecimal(64)}"
    slack.codes[code] = Code(
        app_id=request.app.app_id,
        workspace_id=workspace.id,
        user_id=member.id,
        bot_scopes=_kept(request, request.bot_scopes, decision.refused),
        user_scopes=_kept(request, request.user_scopes, decision.refused),
        redirect_uri=request.redirect_uri if request.redirect_given else None,
        expires_at=slack.timing.wall() + slack.rules.code_life,
    )
    slack.note("oauth", team=workspace.id, user=member.id, method="authorize", detail="allowed")
    return _redirect(slack, request, {"code": code})


def cancel(slack: Slack, request: Asked) -> str:
    """The person refuses: where the browser goes next."""
    slack.note("oauth", team=request.team, method="authorize", error="access_denied")
    fields = {"error": "access_denied"}
    if not slack.trouble.any(request.team, "bare_denial"):
        fields["error_description"] = DENIAL
    return _redirect(slack, request, fields)


def access(slack: Slack, given: Arguments) -> dict[str, Any]:
    """oauth.v2.access: a code, or a refresh token, for tokens. Raises SlackError."""
    app = _client(slack, given)
    wait = slack.limiter.take(app=app.app_id, team="", method="oauth.v2.access", tier=600, now=slack.clock.now())
    if wait:
        raise SlackError("ratelimited", status=429, headers={"Retry-After": str(wait)})
    kind = str(given.values.get("grant_type") or "authorization_code")
    if kind == "refresh_token":
        return _refreshed(slack, app, str(given.values.get("refresh_token") or ""))
    if kind != "authorization_code":
        raise SlackError("invalid_grant_type")
    return exchange(slack, app, code=str(given.values.get("code") or ""), redirect_uri=given.values.get("redirect_uri"))


def exchange(slack: Slack, app: AppConfig, *, code: str, redirect_uri: Any) -> dict[str, Any]:
    """Trade a code for tokens, once. Raises SlackError."""
    if code in slack.spent_codes:
        raise SlackError("code_already_used")
    known = slack.codes.get(code)
    if known is None or known.app_id != app.app_id or known.expires_at <= slack.timing.wall():
        raise SlackError("invalid_code")
    if (redirect_uri or None) != known.redirect_uri:
        raise SlackError("bad_redirect_uri")
    del slack.codes[code]
    slack.spent_codes.add(code)
    if not known.bot_scopes and not known.user_scopes:
        raise SlackError("no_scopes")
    workspace = _installed_at(slack, app, known)
    installation = lifecycle.grant(
        slack,
        app,
        workspace=workspace,
        user=known.user_id,
        bot_scopes=known.bot_scopes,
        user_scopes=known.user_scopes,
    )
    answer = _answer(slack, app, installation, user=known.user_id, bot=bool(known.bot_scopes))
    if known.user_scopes:
        mine = installation.users[known.user_id]
        answer["authed_user"] |= _pair(mine, slack.tokens.issue(app, installation, mine))
    show_workspace(slack, known.workspace_id)
    show_member(slack, known.workspace_id, known.user_id)
    return answer


def _installed_at(slack: Slack, app: AppConfig, code: Code) -> str:
    """Where the authorisation belongs: a member whose team is served by its organisation's installation joins that."""
    serving = slack.world.serving(app.app_id, code.workspace_id)
    if serving is None or serving.workspace_id == code.workspace_id:
        return code.workspace_id
    if code.bot_scopes:
        raise SlackError("cannot_install_an_org_installed_app")
    return serving.workspace_id


def _answer(slack: Slack, app: AppConfig, installation: Installation, *, user: str, bot: bool) -> dict[str, Any]:
    workspace = slack.world.workspaces[installation.workspace_id]
    org = slack.world.workspaces.get(workspace.home) if workspace.home != workspace.id else None
    if workspace.kind == "org":
        org = workspace
    answer: dict[str, Any] = {
        "app_id": app.app_id,
        "authed_user": {"id": user},
        "team": None if workspace.kind == "org" else {"id": workspace.id, "name": workspace.name},
        "enterprise": {"id": org.id, "name": org.name} if org else None,
        "is_enterprise_install": installation.is_enterprise_install,
    }
    if bot and installation.bot is not None:
        answer |= {**_pair(installation.bot, slack.tokens.issue(app, installation, installation.bot))}
        answer["bot_user_id"] = installation.bot_user_id
    return answer


def _refreshed(slack: Slack, app: AppConfig, refresh_token: str) -> dict[str, Any]:
    if not app.token_rotation:
        raise SlackError("invalid_refresh_token")
    installation, grant, issued = slack.tokens.refresh(app, refresh_token)
    slack.changed()
    answer = _answer(slack, app, installation, user=grant.user_id, bot=False)
    del answer["authed_user"]
    answer |= _pair(grant, issued)
    if grant.kind == "bot":
        answer["bot_user_id"] = installation.bot_user_id
    else:
        answer["user_id"] = grant.user_id
    return answer


def _pair(grant: Grant, issued: Issued) -> dict[str, Any]:
    pair: dict[str, Any] = {
        "access_token": issued.access,
        "token_type": grant.kind,
        "scope": ",".join(grant.scopes),
    }
    if issued.refresh is not None:
        pair |= {"refresh_token": issued.refresh, "expires_in": issued.expires_in}
    return pair


def _client(slack: Slack, given: Arguments) -> AppConfig:
    client_id, secret = str(given.values.get("client_id") or ""), str(given.values.get("client_secret") or "")
    if given.basic:
        try:
            client_id, _, secret = base64.b64decode(given.basic, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SlackError("invalid_client_id") from error
    try:
        app = slack.find_app(client_id=client_id)
    except KeyError as error:
        raise SlackError("invalid_client_id") from error
    if not hmac.compare_digest(secret.encode(), app.client_secret.encode()):
        raise SlackError("bad_client_secret")
    return app


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in text.replace(" ", ",").split(",") if part))


def _kept(request: Asked, scopes: tuple[str, ...], refused: tuple[str, ...]) -> tuple[str, ...]:
    gone = set(refused) & set(request.app.optional_scopes)
    return tuple(scope for scope in scopes if scope not in gone)


def _allowed_redirect(app: AppConfig, uri: str) -> bool:
    if not uri or "#" in uri or urlsplit(uri).scheme not in {"http", "https"}:
        return False
    return any(uri == url or uri.startswith(url.rstrip("/") + "/") for url in app.redirect_urls)


def _redirect(slack: Slack, request: Asked, fields: dict[str, str]) -> str:
    if request.state is not None:
        blank = slack.trouble.any(request.team, "blank_state")
        fields["state"] = "" if blank else request.state
    separator = "&" if urlsplit(request.redirect_uri).query else "?"
    return request.redirect_uri + separator + urlencode(fields)
