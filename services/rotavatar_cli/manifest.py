"""`rotavatar manifest`: the manifest of the Slack app, for the address that Rotavatar is served at."""

import sys
from typing import Annotated

import msgspec
import typer

from rotavatar.configuration import Given, origin
from rotavatar.manifest import MAX_NAME
from rotavatar.manifest import manifest as made_for
from rotavatar.settings import PublicSettings
from rotavatar_cli.errors import MISUSED, CommandError
from rotavatar_cli.session import environment_of


def manifest(
    context: typer.Context,
    *,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help="Where Slack reaches ingress; else ROTAVATAR_PUBLIC_URL."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the app is called in Slack.")] = "Rotavatar",
    app_id: Annotated[
        str, typer.Option(metavar="APP", help="Id of a further Slack app: its requests have addresses of their own.")
    ] = "",
    rotate_tokens: Annotated[
        bool,
        typer.Option("--rotate-tokens", help="Let tokens expire after 12 hours. Slack cannot turn that off again."),
    ] = False,
) -> None:
    """Print the manifest of the Slack app, to paste at https://api.slack.com/apps.

    Choose Create New App there, then From a manifest. docs/slack-app.md goes on from there.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise CommandError(f"--name must have 1 to {MAX_NAME} characters, as Slack shortens nothing.", code=MISUSED)
    url = _checked(public_url) if public_url else environment_of(context).load(PublicSettings).url
    made = made_for(url, name=name, app_id=app_id, rotate_tokens=rotate_tokens)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n")


def _checked(url: str) -> str:
    try:
        return origin(Given(text=url))
    except ValueError as error:
        raise CommandError(f"--public-url {error}, not {url[:80]!r}.", code=MISUSED) from None
