"""Which part answers which path."""

from starlette.types import ASGIApp, Receive, Scope, Send

from ingress_api.acking import SlackRoutes


class Ingress:
    """The whole of ingress as one ASGI application: Slack's routes directly, everything for people behind them."""

    def __init__(self, slack: SlackRoutes, *, pictures: ASGIApp, pages: ASGIApp) -> None:
        """`pictures` answers below /pictures/, `pages` everything else."""
        self._slack = slack
        self._pictures = pictures
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        found = self._slack.find(path)
        if found:
            await self._slack.answer(*found, scope=scope, receive=receive, send=send)
        elif path.startswith("/pictures/"):
            await self._pictures(scope, receive, send)
        else:
            await self._pages(scope, receive, send)
