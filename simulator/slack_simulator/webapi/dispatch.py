"""One call of the Web API from its arrival to its answer, with its rate limit, its errors and the trouble it meets."""

import asyncio
import time
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slack_simulator import oauth
from slack_simulator.errors import SlackError
from slack_simulator.slack import Slack
from slack_simulator.webapi import arguments, auth, users, views
from slack_simulator.webapi.arguments import Arguments
from slack_simulator.webapi.methods import Call, Method, Result
from slack_simulator.webapi.tiers import tier_of

METHODS = {
    "api.test": Method(handler=auth.api_test),
    "apps.uninstall": Method(handler=auth.uninstall),
    "auth.revoke": Method(handler=auth.revoke),
    "auth.teams.list": Method(handler=auth.teams_list),
    "auth.test": Method(handler=auth.test),
    "chat.postMessage": Method(handler=auth.post_message, user=False, scope="chat:write"),
    "users.deletePhoto": Method(handler=users.delete_photo, bot=False, scope="users.profile:write"),
    "users.info": Method(handler=users.info, scope="users:read"),
    "users.profile.get": Method(handler=users.profile_get, scope="users.profile:read"),
    "users.setPhoto": Method(handler=users.set_photo, bot=False, scope="users.profile:write"),
    "views.open": Method(handler=views.open_modal, user=False),
    "views.publish": Method(handler=views.publish, user=False),
}
OAUTH = "oauth.v2.access"

Headers = dict[str, str]


class Cut(Exception):
    """The connection breaks instead of an answer."""


async def answer(slack: Slack, request: Request) -> Response:
    """Answer POST /api/<method>."""
    started = time.perf_counter()
    method = request.path_params["method"]
    try:
        given = await arguments.read(request)
    except SlackError as error:
        return _response({"ok": False, "error": error.code}, status=error.status)
    team, user = _owner(slack, given) if method != OAUTH else ("", "")
    with slack.journal.call(team=team, user=user, method=method, at=slack.clock.now()):
        try:
            result, status, headers = await _through_trouble(slack, method, given, team=team)
        except Cut:
            _note(slack, started, team=team, user=user, method=method, status=0, error="connection cut")
            request.state.cut()
            await asyncio.sleep(0)
            return Response(status_code=503)
    _note(slack, started, team=team, user=user, method=method, status=status, error=result.get("error", ""))
    return _response(result, status=status, headers=headers)


async def _through_trouble(slack: Slack, method: str, given: Arguments, *, team: str) -> tuple[Result, int, Headers]:
    delay = slack.trouble.delay(team, method)
    if delay:
        await slack.timing.sleep(delay)
    if slack.trouble.spend(team, "answer_500", method):
        return {"ok": False, "error": "internal_error"}, 500, {}
    if slack.trouble.spend(team, "ratelimited_200", method):
        return {"ok": False, "error": "ratelimited"}, 200, {}
    cut = slack.trouble.cut(team, method)
    if cut == "before":
        raise Cut
    outcome = await _outcome(slack, method, given)
    if cut == "after":
        raise Cut
    return outcome


async def _outcome(slack: Slack, method: str, given: Arguments) -> tuple[Result, int, Headers]:
    headers: Headers = {}
    try:
        if method == OAUTH:
            return {"ok": True, **oauth.access(slack, given)}, 200, headers
        result = await _run(slack, method, given, headers)
    except SlackError as error:
        return {"ok": False, "error": error.code, **error.fields}, error.status, {**headers, **error.headers}
    return {"ok": True, **result}, 200, headers


async def _run(slack: Slack, name: str, given: Arguments, headers: Headers) -> Result:
    method = METHODS.get(name)
    if method is None:
        raise SlackError("unknown_method", req_method=name)
    if not given.token:
        raise SlackError("not_authed")
    caller = slack.tokens.check(given.token)
    headers["x-oauth-scopes"] = ",".join(caller.grant.scopes)
    if method.scope:
        headers["x-accepted-oauth-scopes"] = method.scope
    app = slack.find_app(app_id=caller.record.app_id)
    now = slack.clock.now()
    wait = slack.limiter.take(app=app.app_id, team=caller.team, method=name, tier=tier_of(name), now=now)
    if wait:
        slack.note("limit", team=caller.team, user=caller.user, method=name, detail=f"Retry-After: {wait}")
        raise SlackError("ratelimited", status=429, headers={"Retry-After": str(wait)})
    if slack.world.workspaces[caller.team].migrating_to:
        raise SlackError("team_added_to_org")
    if not (method.bot if caller.record.kind == "bot" else method.user):
        raise SlackError("not_allowed_token_type")
    if method.scope and method.scope not in caller.grant.scopes:
        raise SlackError("missing_scope", needed=method.scope, provided=",".join(caller.grant.scopes))
    return await method.handler(Call(slack=slack, app=app, caller=caller, arguments=given))


def _owner(slack: Slack, given: Arguments) -> tuple[str, str]:
    record = slack.world.tokens.get(given.token)
    return (record.workspace_id, record.user_id) if record else ("", "")


def _note(slack: Slack, started: float, *, team: str, user: str, method: str, status: int, error: str) -> None:
    slack.journal.outcome(team=team, user=user, method=method, result=error or "ok")
    ms = (time.perf_counter() - started) * 1000
    kind: Literal["oauth", "call"] = "oauth" if method == OAUTH else "call"
    slack.note(kind, team=team, user=user, method=method, status=status, error=error, ms=ms)


def _response(result: dict[str, Any], *, status: int, headers: Headers | None = None) -> Response:
    return Response(
        msgspec.json.encode(result),
        status_code=status,
        headers=headers,
        media_type="application/json; charset=utf-8",
    )
