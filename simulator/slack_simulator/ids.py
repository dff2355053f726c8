"""Identifiers and tokens in the shapes that Slack gives them."""

import random
import string

UPPER = string.ascii_uppercase + string.digits
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

ROTATING_ACCESS_LENGTH = 177
ROTATING_REFRESH_LENGTH = 153
"""Sizes of rotating tokens, from the patterns of secret scanners."""


class Ids:
    """Draws identifiers from `rng`, so that a test can repeat them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def text(self, alphabet: str, length: int) -> str:
        """`length` characters of `alphabet`."""
        return "".join(self.rng.choices(alphabet, k=length))

    def slack_id(self, prefix: str) -> str:
        """A Slack id such as U0123456789, 11 characters in all."""
        return prefix + "0" + self.text(UPPER, 9)

    def digits(self, length: int) -> str:
        """`length` digits, the first not zero."""
        return self.rng.choice("123456789") + self.text(string.digits, length - 1)

    def hexadecimal(self, length: int) -> str:
        """`length` lowercase hexadecimal digits."""
        return self.text(HEX, length)

    def access_token(self, *, bot: bool, rotating: bool) -> str:
        """A fresh access token: xoxb- or xoxp-, with the xoxe. prefix and longer when it rotates."""
        prefix = "xoxb" if bot else "xoxp"
        if not rotating:
            return f"{prefix}-{self.digits(12)}-{self.digits(13)}-{self.text(ALNUM, 24)}"
        head = f"xoxe.{prefix}-1-"
        return head + self.text(ALNUM, ROTATING_ACCESS_LENGTH - len(head))

    def refresh_token(self) -> str:
        """A fresh refresh token, xoxe-1-."""
        head = "xoxe-1-"
        return head + self.text(ALNUM, ROTATING_REFRESH_LENGTH - len(head))
