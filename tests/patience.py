"""How long a test waits for what has to come."""

from typing import Final

SECONDS: Final = 60.0
"""A ceiling and never a duration: who waits goes on as soon as it is there, which takes tenths of a second.

CI has two cores for two workers, each with servers, processes of the product and a browser: what a test waits for gets
a quarter of a core at times, and may begin with a start of Python under coverage.
"""

MS: Final = SECONDS * 1000
"""The same for Playwright."""
