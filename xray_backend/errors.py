"""The server's errors; the class is the HTTP status.

ApiError                       500  never raised itself
├── BadRequest                 400  the input is wrong; the sentence says what and where
├── Unauthorized               401  no credentials, or wrong ones
├── Forbidden                  403  not yours (also when it does not exist)
├── NotFound                   404
├── Conflict                   409  already there, or deleted for good
├── TooLarge                   413
├── UnsupportedMedia           415  wrong content type or encoding
├── TooManyRequests            429  with Retry-After
└── Unavailable                503  a store or the queue is away, or a query took too long; with Retry-After
ConfigurationError             the program does not start
CommandError                   a command cannot do what it was asked for
Unstorable                     a batch holds something that the store can never keep
"""

__all__ = [
    "ApiError",
    "BadRequest",
    "CommandError",
    "ConfigurationError",
    "Conflict",
    "Forbidden",
    "NotFound",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unstorable",
    "UnsupportedMedia",
]


class ApiError(Exception):
    """An answer that says no. The message is shown to the client: one clear sentence, no internal name."""

    status = 500

    def __init__(self, message: str, *, details: object = None, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds


class BadRequest(ApiError):
    """The input is wrong."""

    status = 400


class Unauthorized(ApiError):
    """No credentials, or wrong ones."""

    status = 401


class Forbidden(ApiError):
    """The caller may not do this, or there is nothing there that they may see."""

    status = 403


class NotFound(ApiError):
    """There is nothing of that name."""

    status = 404


class Conflict(ApiError):
    """It is there already, or was deleted for good."""

    status = 409


class TooLarge(ApiError):
    """More bytes, events or items than the settings allow."""

    status = 413


class UnsupportedMedia(ApiError):
    """The body has a type or an encoding that is not taken."""

    status = 415


class TooManyRequests(ApiError):
    """The limit for this address or account is reached."""

    status = 429


class Unavailable(ApiError):
    """A part that is needed is away, or did not answer in time; the same request may be repeated."""

    status = 503


class ConfigurationError(Exception):
    """The program cannot start with these settings; the message says what to change."""


class CommandError(Exception):
    """A command cannot do what it was asked for; the message says why."""


class Unstorable(Exception):
    """A batch holds something that the store can never keep, so that trying again is of no use."""
