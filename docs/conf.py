"""How Sphinx builds the documentation: `make docs`."""

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

project = "Rotavatar"
project_copyright = "the Rotavatar authors"
release = version = _PROJECT["version"]

extensions = ["myst_parser"]
nitpicky = True

# The pages read the same on a forge: headings are link targets, diagrams are SVG files. No script comes from the web.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = f"Rotavatar {release}"
html_copy_source = False
html_show_sphinx = False
