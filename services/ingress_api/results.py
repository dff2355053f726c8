"""The pages at the end of a consent: what happened, and what to do next, in words for anybody."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import HTMLResponse

from ingress_api.html_page import Link, Onward, button, html_response, paragraph, quiet_link, static_path


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a consent can end. `again` offers to start over."""

    status: int = 400
    title: str
    words: tuple[str, ...]
    again: bool = True


RESULTS: Final[Mapping[str, Result]] = {
    "denied": Result(
        status=200,
        title="Nothing was changed",
        words=(
            "You did not allow Rotavatar to go on, so it has no access to anything.",
            "You can come back whenever you like.",
        ),
    ),
    "state": Result(
        title="Please start again",
        words=(
            (
                "This page belongs to a visit to Slack that began in another browser, took longer than ten minutes, or "
                "that Slack did not bring back completely. For your safety it does not count."
            ),
            "Starting again takes a few seconds. Cookies have to be allowed for it.",
        ),
    ),
    "used": Result(
        title="This link has been used",
        words=(
            (
                "A visit to Slack counts once. If it worked the first time, Rotavatar is in your Slack: look for it "
                "under Apps."
            ),
            "If you do not find it there, start again.",
        ),
    ),
    "code": Result(
        title="Please start again",
        words=("Slack says that this permission was used already or has expired. Nothing was changed by it.",),
    ),
    "approval": Result(
        status=403,
        title="Your organisation decides this",
        words=(
            (
                "Slack does not let you add Rotavatar here: an administrator of your workspace or organisation has to "
                "approve it first."
            ),
            "Ask them to approve the app Rotavatar in Slack's app management, then start again.",
        ),
    ),
    "not_distributed": Result(
        status=403,
        title="Not for this workspace",
        words=(
            (
                "This Rotavatar serves other workspaces only. Whoever runs it can open it to yours, by switching on "
                "distribution in the settings of their Slack app."
            ),
        ),
    ),
    "not_installed": Result(
        status=409,
        title="Rotavatar is not in this workspace yet",
        words=(
            (
                "You have connected yourself, but the app itself has to be added to the workspace first. Until then "
                "your permission is of no use, so it was given back."
            ),
            "Add Rotavatar to the workspace; you are connected in the same step.",
        ),
    ),
    "undeclared": Result(
        status=403,
        title="Rotavatar is not open to this workspace yet",
        words=(
            (
                "Whoever runs this Rotavatar decides which workspaces may use it, and yours is not among them so far. "
                "Nothing was stored, and the permission that you gave was given back."
            ),
            "If you know them, ask them to add the workspace {workspace}. Then start again.",
        ),
    ),
    "full": Result(
        status=409,
        title="No place is left in this workspace",
        words=(
            (
                "As many people take part as whoever runs Rotavatar allows here. Your permission is of no use then, so "
                "it was given back, and your photo stays as it is."
            ),
            "When somebody leaves there is a place again. You can also ask whoever looks after Slack for another one.",
        ),
    ),
    "slack_away": Result(
        status=503,
        title="Slack does not answer at the moment",
        words=("Nothing was changed. Please try again in a minute.",),
    ),
    "away": Result(
        status=503,
        title="We cannot save anything at the moment",
        words=("Nothing was stored. Please try again in a minute.",),
    ),
    "busy": Result(
        status=503,
        title="Very many people are connecting right now",
        words=("Please try again in a minute.",),
    ),
    "misconfigured": Result(
        status=500,
        title="This Rotavatar is not set up correctly",
        words=(
            (
                "Slack did not accept what Rotavatar says about itself. You did nothing wrong, and trying again will "
                "not help until the person who runs it has looked at its log."
            ),
        ),
        again=False,
    ),
    "unknown_app": Result(
        status=404,
        title="There is no such app here",
        words=("The address names a Slack app that this Rotavatar does not know.",),
        again=False,
    ),
    "team": Result(
        title="This link is damaged",
        words=("It does not name a workspace of Slack. Open Rotavatar's Home tab in Slack and use the link there.",),
        again=False,
    ),
}
"""Every failure by its word, which is also its name in the metrics."""

CODES: Final[Mapping[str, str]] = {
    "invalid_code": "code",
    "code_already_used": "code",
    "access_denied": "denied",
    "bad_client_secret": "misconfigured",
    "bad_redirect_uri": "misconfigured",
    "invalid_client_id": "misconfigured",
    "invalid_scope": "misconfigured",
    "oauth_authorization_url_mismatch": "misconfigured",
    "cannot_install_an_org_installed_app": "approval",
    "invalid_team_for_non_distributed_app": "not_distributed",
    "no_scopes": "denied",
    "scope_not_allowed_on_enterprise": "approval",
    "unapproved_scope": "approval",
    "user_email_unverified": "approval",
}
"""What Slack's words mean for a person (https://docs.slack.dev/reference/methods/oauth.v2.access)."""


def failed(word: str, *, again: str, workspace: str = "") -> HTMLResponse:
    """The page for a failure; `again` is where one starts over, `workspace` an id for pages that name one."""
    result = RESULTS[word]
    words = tuple(text.replace("{workspace}", workspace) for text in result.words)
    links = button(Link("Start again", again)) if result.again else quiet_link(Link("What is Rotavatar?", "/"))
    response = html_response(
        title=f"{result.title} · Rotavatar", body=card(result.title, words, links), status=result.status
    )
    if result.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = "60"
    return response


def connected(*, workspace: str, home: str, web: str) -> HTMLResponse:
    """All went well: on to the Home tab, by itself and by links. `home` opens Slack, `web` its page in the browser."""
    place = f" in {workspace}" if workspace else ""
    words = (
        f"Rotavatar may now change your photo{place}.",
        "Your Home tab is where you choose how often and from what.",
    )
    return _onward("You are connected", words, home=home, web=web)


def incomplete(*, workspace: str, again: str, web: str) -> HTMLResponse:
    """Installed, but without what it takes to change a photo."""
    place = f" in {workspace}" if workspace else ""
    words = (
        f"Rotavatar is{place}, and it cannot change your photo yet: that permission was left out.",
        "That is fine if it is what you want. Otherwise allow it, and nothing else changes.",
    )
    links = button(Link("Allow photo changes", again)) + quiet_link(Link("Open Rotavatar in Slack", web))
    return html_response(title="Almost there · Rotavatar", body=card("Almost there", words, links))


def waiting(*, workspace: str, web: str) -> HTMLResponse:
    """Installed, and somebody has to approve it first."""
    place = f" in {workspace}" if workspace else ""
    words = (
        f"Rotavatar is installed{place} and waits for the approval of whoever runs it.",
        "There is nothing more for you to do: no photo changes until then, and your Home tab tells how it stands.",
    )
    links = button(Link("Open Rotavatar in Slack", web))
    return html_response(title="Almost there · Rotavatar", body=card("Almost there", words, links))


def installed_for_organisation(*, organisation: str, manage: str) -> HTMLResponse:
    """An organisation has it; its administrator now chooses the workspaces."""
    place = f" for {organisation}" if organisation else " for your organisation"
    words = (
        f"Rotavatar is installed{place}.",
        "Slack adds it to no workspace by itself: choose the workspaces in which people shall find it.",
    )
    links = button(Link("Choose workspaces", manage))
    return html_response(title="Installed · Rotavatar", body=card("One more step", words, links))


def _onward(title: str, words: tuple[str, ...], *, home: str, web: str) -> HTMLResponse:
    links = button(Link("Open the Home tab", home)) + quiet_link(Link("Open Slack in the browser", web))
    return html_response(title=f"{title} · Rotavatar", body=card(title, words, links), onward=Onward(home))


def card(title: str, words: tuple[str, ...], links: str) -> str:
    """One message in the middle of a page."""
    text = "".join(map(paragraph, words))
    icon = f'<img class="mark" src="{static_path("icon.svg")}" alt="" width="56" height="56">'
    return f'<main>{icon}<h1>{escape(title)}</h1>{text}<p class="actions">{links}</p></main>'
