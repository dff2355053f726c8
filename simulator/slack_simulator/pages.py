"""The addresses that browsers and apps visit: the authorize page, deep links, photos and response URLs."""

import html
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from slack_simulator import oauth
from slack_simulator.config import AppConfig
from slack_simulator.errors import SlackError
from slack_simulator.interactions import respond
from slack_simulator.slack import Slack
from slack_simulator.state import Member, Workspace

SIGNED_IN = "slack-simulator-person"
"""Cookie that names who the browser's person is, as `team.user`."""

SEE_OTHER = 303

SCOPES = {
    "commands": "Add shortcuts and slash commands that people can use",
    "users:read": "View people in the workspace",
    "chat:write": "Send messages as the app",
    "users.profile:read": "View your profile details",
    "users.profile:write": "Edit your profile information, your photo included",
}


async def authorize(slack: Slack, request: Request) -> Response:
    """GET and POST /oauth/v2/authorize: what the app asks for, and the person's answer."""
    try:
        if request.method == "GET":
            asked = oauth.asked(slack, dict(request.query_params))
            return HTMLResponse(_authorize_page(slack, request, asked))
        fields = await request.form()
        form = {key: str(value) for key, value in fields.multi_items()}
        asked = oauth.asked(slack, form)
        if form.get("decision") != "allow":
            return RedirectResponse(oauth.cancel(slack, asked), SEE_OTHER)
        workspace, _, user = form.get("person", "").partition(".")
        choices = asked.app.optional_scopes if "choices" in form else ()
        refused = tuple(scope for scope in choices if scope not in fields.getlist("optional"))
        target = oauth.allow(slack, asked, oauth.Decision(workspace=workspace, user=user, refused=refused))
    except SlackError as error:
        slack.note("oauth", method="authorize", error=error.code)
        return HTMLResponse(_page("Something went wrong", f"<p>Error: <code>{error.code}</code></p>"), 400)
    response = RedirectResponse(target, SEE_OTHER)
    response.set_cookie(SIGNED_IN, f"{workspace}.{user}", path="/")
    return response


async def app_redirect(slack: Slack, request: Request) -> Response:
    """GET /app_redirect?app=&team=: the page, with the signed-in person's Home tab open."""
    team = request.query_params.get("team", "")
    user = request.cookies.get(SIGNED_IN, "").rpartition(".")[2]
    if slack.world.member(team, user) is None:
        user = next(iter(slack.world.workspaces[team].member_ids), "") if team in slack.world.workspaces else ""
    return RedirectResponse("/?" + urlencode({"team": team, "user": user}), SEE_OTHER)


async def avatar(slack: Slack, request: Request) -> Response:
    """GET /avatars/<path>: a photo in one of its sizes."""
    served = slack.photos.serve(request.path_params["path"])
    if served is None:
        return PlainTextResponse("no such photo", 404)
    content, media_type = served
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=media_type, headers=headers)


async def hook(slack: Slack, request: Request) -> Response:
    """POST /hooks/commands/<path>: an answer to a slash command, at most five within half an hour."""
    try:
        message = msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        return PlainTextResponse("invalid_payload", 400)
    if not isinstance(message, dict):
        return PlainTextResponse("invalid_payload", 400)
    error = respond(slack, path=request.path_params["path"], message=message)
    return PlainTextResponse(error or "ok", 404 if error else 200)


def _people(slack: Slack, asked: oauth.Asked) -> list[tuple[Workspace, Member]]:
    kinds = {"team", "org"} if asked.app.org_deploy else {"team"}
    found = [w for w in slack.world.workspaces.values() if w.kind in kinds]
    found.sort(key=lambda workspace: workspace.id != asked.team)
    return [(w, m) for w in found for m in slack.world.members(w.id)[:50] if not m.deactivated]


def _authorize_page(slack: Slack, request: Request, asked: oauth.Asked) -> str:
    signed_in = request.cookies.get(SIGNED_IN, "")
    choices = _people(slack, asked)
    keys = [f"{w.id}.{m.id}" for w, m in choices]
    if signed_in not in keys or (asked.team and not signed_in.startswith(asked.team + ".")):
        signed_in = next(iter(keys), "")
    options = "".join(
        f'<option value="{html.escape(key)}"{" selected" if key == signed_in else ""}>'
        f"{html.escape(m.real_name)} in {html.escape(w.name)}</option>"
        for key, (w, m) in zip(keys, choices, strict=True)
    )
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in request.query_params.multi_items()
    )
    app = html.escape(asked.app.name)
    body = f"""
<form method="post" action="/oauth/v2/authorize">{hidden}
<label for="person">You are</label>
<select id="person" name="person">{options}</select>
<input type="hidden" name="choices" value="shown">
{_scope_list("What will the app be able to view and do in the workspace?", asked.bot_scopes, asked.app)}
{_scope_list("What will the app be able to do as you?", asked.user_scopes, asked.app)}
<p class="buttons"><button name="decision" value="cancel" id="cancel">Cancel</button>
<button name="decision" value="allow" id="allow" class="main">Allow</button></p></form>"""
    return _page(f"{app} is requesting permission to access the workspace", body)


def _scope_list(title: str, scopes: tuple[str, ...], app: AppConfig) -> str:
    if not scopes:
        return ""
    items = "".join(f"<li>{_scope(scope, optional=scope in app.optional_scopes)}</li>" for scope in scopes)
    return f"<h2>{title}</h2><ul>{items}</ul>"


def _scope(scope: str, *, optional: bool) -> str:
    name, meaning = html.escape(scope), html.escape(SCOPES.get(scope, scope))
    if not optional:
        return f"{meaning} <code>{name}</code>"
    box = f'<input type="checkbox" name="optional" value="{name}" checked>'
    return f"<label>{box} {meaning} <code>{name}</code> (optional)</label>"


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>
:root {{ --line: #d0d0d0; --main: #007a5a; }}
@media (prefers-color-scheme: dark) {{ :root {{ --line: #4a4d52; --main: #148567; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1rem; margin-top: 1.5rem; }}
select {{ font: inherit; padding: .5rem; width: 100%; border-radius: 6px; }}
code {{ font-size: .8rem; opacity: .75; }}
.buttons {{ display: flex; gap: .75rem; justify-content: flex-end; margin-top: 2rem; }}
button {{ font: inherit; padding: .5rem 1.25rem; border-radius: 6px; border: 1px solid var(--line); cursor: pointer; }}
button.main {{ background: var(--main); color: #fff; border-color: var(--main); }}
</style></head><body><h1>{title}</h1>{body}</body></html>"""
