"""Rotavatar's shared kernel: what every process agrees on."""

from typing import Final

VERSION: Final = "0.1.0"
"""Of the code that runs: an image holds the code without the package that pip would know."""
