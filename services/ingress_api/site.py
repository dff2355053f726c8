"""The pages for people, as a Starlette application."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ingress_api.html_page import Link, html_response, quiet_link, static, static_path
from ingress_api.landing import landing_page
from ingress_api.metrics import requests
from ingress_api.oauth import OAuth
from ingress_api.results import card
from rotavatar.catalogue import Catalogue

log = structlog.get_logger()

Endpoint = Callable[[Request], Awaitable[Response]]

STATIC: Final = {"site.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
FOREVER: Final = "public, max-age=31536000, immutable"

MISSING: Final = ("There is nothing here", "The address is not one of Rotavatar's.")
BROKEN: Final = ("Something went wrong", "It is our fault, and it is in our log. Please try again in a minute.")
NOT_SO: Final = ("This page is only for looking", "The address was called in a way that it does not understand.")


def create_site(oauth: OAuth, catalogue: Callable[[], Catalogue]) -> Starlette:
    """Every page; `catalogue` is the one in use at the moment."""

    async def landing(_: Request) -> Response:
        return landing_page(catalogue(), install="/slack/install")

    routes = [
        Route("/", _counted("landing", landing)),
        Route("/slack/install", _counted("install", oauth.install)),
        Route("/slack/oauth_redirect", _counted("oauth_redirect", oauth.redirect)),
        Route("/slack/apps/{app_id}/install", _counted("install", oauth.install)),
        Route("/slack/apps/{app_id}/oauth_redirect", _counted("oauth_redirect", oauth.redirect)),
        Route("/robots.txt", _counted("static", _robots)),
        *(Route(static_path(name), _counted("static", _file(name, kind))) for name, kind in STATIC.items()),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _broken})


def _counted(route: str, endpoint: Endpoint) -> Endpoint:
    """Count what `endpoint` answers, by the class of its status."""

    async def counting(request: Request) -> Response:
        response = await endpoint(request)
        requests(route, "served", f"{response.status_code // 100}xx").inc()
        return response

    return counting


def _file(name: str, content_type: str) -> Endpoint:
    headers = {"cache-control": FOREVER, "x-content-type-options": "nosniff"}
    content = static(name)

    async def endpoint(_: Request) -> Response:
        return Response(content, media_type=content_type, headers=headers)

    return endpoint


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /slack/\n", headers={"cache-control": "public, max-age=86400"})


async def _refused(request: Request, error: Exception) -> Response:
    """The page for what is not here. Anything below /slack/ is for machines too, so its line says the same."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, words = MISSING if status == HTTPStatus.NOT_FOUND else NOT_SO
    requests("page", "refused", f"{status // 100}xx").inc()
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse(f"{words}\n", status_code=status, headers=_allowed(error))
    return html_response(title=f"{title} · Rotavatar", body=card(title, (words,), quiet_link(HOME)), status=status)


async def _broken(_: Request, error: Exception) -> Response:
    log.error("page failed", exc_info=error)
    requests("page", "failed", "error").inc()
    title, words = BROKEN
    return html_response(title=f"{title} · Rotavatar", body=card(title, (words,), quiet_link(HOME)), status=500)


def _allowed(error: Exception) -> dict[str, str]:
    given = error.headers if isinstance(error, HTTPException) else None
    return {"x-content-type-options": "nosniff", **(given or {})}


HOME: Final = Link("What is Rotavatar?", "/")
