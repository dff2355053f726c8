"""The error of the command line, and what each exit code means."""

from typing import Final

from rotavatar.errors import RotavatarError

DONE: Final = 0
FAULT: Final = 1
"""Something is wrong: a check found a fault, or what was asked for could not be done."""
MISUSED: Final = 2
"""The command line or a setting is wrong; nothing was done."""


class CommandError(RotavatarError):
    """A command cannot do what it was asked to. The message is one sentence that says what to do."""

    def __init__(self, sentence: str, *, code: int = FAULT) -> None:
        """End with exit code `code`."""
        super().__init__(sentence)
        self.code = code
