"""The system's Chromium for the browser tests: Playwright drives it and downloads none of its own."""

import shutil
from pathlib import Path
from typing import Final

from tests.servers import ToolMissingError

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC_APPLICATIONS: Final = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""Launch arguments that keep Chromium from looking for its maker's hosts at each start."""


def chromium_binary() -> Path:
    """Where Chromium is: the `executable_path` of Playwright's launch. Raises ToolMissingError when there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    for application in MAC_APPLICATIONS:
        if Path(application).is_file():
            return Path(application)
    raise ToolMissingError(
        "the browser tests need Chromium: install it (Debian: `apt-get install chromium`; "
        "macOS: `brew install --cask chromium`)"
    )
