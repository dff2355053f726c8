"""How a Web API method says no."""

from typing import Any


class SlackError(Exception):
    """The answer `{"ok": false, "error": code, ...}`; almost always with HTTP status 200."""

    def __init__(self, code: str, *, status: int = 200, headers: dict[str, str] | None = None, **fields: Any) -> None:
        """`fields` go into the answer beside the code, `headers` into the response."""
        super().__init__(code)
        self.code = code
        self.status = status
        self.headers = headers or {}
        self.fields = fields


def invalid_arguments(*messages: str) -> SlackError:
    """`invalid_arguments` with one message per mistake, as Slack words them."""
    return SlackError("invalid_arguments", response_metadata={"messages": [*messages]})
