"""`rotavatar catalogue`: forwards to `rotavatar_catalogue`, which is there only where avatars are drawn."""

from importlib.util import find_spec

import typer

from rotavatar.errors import ConfigurationError
from rotavatar.settings import CatalogueSettings
from rotavatar_cli.errors import FAULT, CommandError
from rotavatar_cli.session import environment_of

AS_IT_IS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def catalogue(context: typer.Context) -> None:
    """Draw and check the catalogue of avatars: draw, verify, fetch, packs (`rotavatar catalogue draw --help`).

    Without --to the folder is that of ROTAVATAR_CATALOGUE_DIR.
    """
    if find_spec("resvg_py") is None:
        raise CommandError("Avatars are drawn where rotavatar[drawing] is installed; processes only read them.")
    from rotavatar_catalogue.cli import main  # noqa: PLC0415 - its libraries are not installed everywhere

    code = main(_with_folder(context))
    if code:
        raise typer.Exit(max(FAULT, code))


def _with_folder(context: typer.Context) -> list[str]:
    arguments = list(context.args)
    if not arguments or arguments[0] not in ("draw", "verify", "fetch") or {"--to", "--help", "-h"} & set(arguments):
        return arguments or ["--help"]
    try:
        folder = environment_of(context).load(CatalogueSettings).folder
    except ConfigurationError:
        return arguments
    return [*arguments, "--to", str(folder)]
