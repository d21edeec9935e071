"""The errors of PyMongo become ours at the boundary."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from xray_backend.errors import Unavailable, Unstorable

__all__ = ["DUPLICATE_KEY", "RETRY_AFTER_SECONDS", "is_transient", "translated"]

RETRY_AFTER_SECONDS: Final = 2
"""A replica set chooses a new primary in some seconds."""

DUPLICATE_KEY: Final = 11000

_TOO_LARGE: Final = (10334, 17419, 17420)
"""The server's codes for a document, or one after an update, of more than 16 MiB; mostly PyMongo says so before."""

_AWAY: Final = "The database cannot be reached, or did not answer in time; try again."
_SLOW: Final = (
    "The query took longer than its time limit and was stopped; narrow the filter, or ask for a shorter time."
)
_REFUSED: Final = "The database refuses the server's credentials, or does not let it do this."
_FULL: Final = "The database's disk is full; try again when there is room."
_FULL_DOCUMENT: Final = "With it, what is stored of its trace would be too large for the database."
_CHANGING: Final = "The database changes its primary, or is too busy; try again."

_SENTENCES: Final[Mapping[int, str]] = {
    13: _REFUSED,
    18: _REFUSED,
    8000: _REFUSED,
    14031: _FULL,
    50: _SLOW,
    **dict.fromkeys(
        # From MongoDB's list of errors: those that say that a server stops, steps down, or waited too long for another.
        (6, 7, 24, 64, 79, 89, 91, 112, 133, 134, 189, 202, 262, 279, 290, 317, 358, 9001, 10107, 11600, 11602, 13388,
         13435, 13436),
        _CHANGING,
    ),
}  # fmt: skip
"""What may pass, by the code of MongoDB's error; any other is a mistake of ours, and stays what it is."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PyMongo says when the database is away into `Unavailable`; a mistake of ours stays one.

    Raises `Unstorable` if a document would be larger than the database takes: that does not pass.
    """
    try:
        yield
    except DocumentTooLarge as error:
        raise Unstorable(_FULL_DOCUMENT) from error
    except PyMongoError as error:
        if _is_too_large(error):
            raise Unstorable(_FULL_DOCUMENT) from error
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise Unavailable(sentence, retry_after_seconds=RETRY_AFTER_SECONDS) from error


def is_transient(code: int | None) -> bool:
    """Tell whether the same call may work later."""
    return code in _SENTENCES


def _sentence(error: PyMongoError) -> str | None:
    if isinstance(error, ExecutionTimeout):
        return _SLOW
    if isinstance(error, (ConnectionFailure, WTimeoutError, InvalidOperation)):
        return _AWAY  # an invalid operation is one on a client that was closed meanwhile
    if isinstance(error, BulkWriteError):
        return _of_bulk(error.details or {})
    if isinstance(error, OperationFailure):
        return _CHANGING if error.has_error_label("RetryableWriteError") else _SENTENCES.get(error.code or 0)
    return None


def _is_too_large(error: PyMongoError) -> bool:
    if isinstance(error, BulkWriteError):
        return any(each.get("code") in _TOO_LARGE for each in (error.details or {}).get("writeErrors") or [])
    return isinstance(error, OperationFailure) and error.code in _TOO_LARGE


def _of_bulk(details: Mapping[str, Any]) -> str | None:
    """Return what the first error that is no duplicate says."""
    concern = details.get("writeConcernErrors") or []
    errors = [each for each in details.get("writeErrors") or [] if each.get("code") != DUPLICATE_KEY]
    if not errors:
        return _AWAY if concern else None
    return next((sentence for each in errors if (sentence := _SENTENCES.get(each.get("code", 0)))), None)
