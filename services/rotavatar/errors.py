"""The errors of Rotavatar. Their types decide what happens next.

RotavatarError
├── ConfigurationError      the process must not start; the sentence says which setting and what to do
├── MalformedMessage        a stream entry nobody can read: straight to the dead letters
├── Unavailable             something we need is away (Redis, the photo store): the job stays and is tried again
├── VaultError              a blob cannot be opened: damaged, or not the member it was sealed for
│   └── VaultKeyMissing     its key is not among the vault keys: an operator can put it back, nothing is lost
└── SlackError              what Slack answered, in one of the classes below
    ├── SlackBusy           try again, not before `retry_after` seconds
    ├── TokenExpired        refresh the token, then try again
    ├── CredentialDead      the token will never work again
    ├── ConsentMissing      the token lacks a scope: ask the person for consent again
    ├── PictureRefused      this image will never be taken; another one may
    ├── Forbidden           the organisation does not allow it
    └── RequestRefused      Slack did not understand us: our mistake, kept as a dead letter
"""


class RotavatarError(Exception):
    """Base of every error that Rotavatar raises on purpose."""


class ConfigurationError(RotavatarError):
    """A setting is missing or wrong. The message is one sentence that names it and says what to do."""


class MalformedMessage(RotavatarError):
    """A stream entry cannot be read by this version. Retrying cannot help."""


class Unavailable(RotavatarError):
    """Something outside is away for now. Nothing was half done; try again."""


class VaultError(RotavatarError):
    """A sealed blob cannot be opened. The message names the key id, never the content."""


class VaultKeyMissing(VaultError):
    """No vault key has the id that a blob was sealed with: it opens again once an operator puts the key back."""


class SlackError(RotavatarError):
    """What Slack answered to `method`, as its error code, or our word for a broken transport."""

    def __init__(self, *, method: str, code: str, retry_after: float | None = None, detail: str = "") -> None:
        """`retry_after` in seconds, where Slack named it; `detail` is safe to log (no token, no body)."""
        super().__init__(f"{method}: {code}" + (f" ({detail})" if detail else ""))
        self.method = method
        self.code = code
        self.retry_after = retry_after
        self.detail = detail


class SlackBusy(SlackError):
    """Slack is rate limiting, broken or slow. `uncertain` says that the call may have had its effect all the same."""

    def __init__(
        self, *, method: str, code: str, retry_after: float | None = None, detail: str = "", uncertain: bool = False
    ) -> None:
        """See SlackError."""
        super().__init__(method=method, code=code, retry_after=retry_after, detail=detail)
        self.uncertain = uncertain


class TokenExpired(SlackError):
    """A rotating access token is older than its 12 hours."""


class CredentialDead(SlackError):
    """The token was revoked, or its owner or workspace is gone. `invalid_auth` needs `auth.test` to agree first."""


class ConsentMissing(SlackError):
    """The token has not the scope that the method needs."""


class PictureRefused(SlackError):
    """Slack cannot use this image."""


class Forbidden(SlackError):
    """The organisation forbids the call for this member or app."""


class RequestRefused(SlackError):
    """Slack refused the request for a reason that only a change of our code or configuration can mend."""
