"""The errors of PyMongo become ours at the boundary."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    ProtocolError,
    PyMongoError,
    WriteConcernError,
)

from xray_backend.errors import BadRequest, Unavailable, Unstorable

__all__ = ["DUPLICATE_KEY", "RETRY_AFTER_SECONDS", "TOO_LARGE", "is_transient", "of_a_query", "translated"]

RETRY_AFTER_SECONDS: Final = 2
"""A replica set chooses a new primary in some seconds."""

DUPLICATE_KEY: Final = 11000

_AWAY: Final = "The database cannot be reached, or did not answer in time; try again."
_SLOW: Final = (
    "The query took longer than its time limit and was stopped; narrow the filter, or ask for a shorter time."
)
_SORTS_MUCH: Final = "The query sorts more than the database's memory holds; narrow the filter, or sort by time."
_REFUSED: Final = "The database refuses the server's credentials, or does not let it do this."
_FULL: Final = "The database's disk is full; try again when there is room."
_CHANGING: Final = "The database changes its primary, or is too busy; try again."

_SENTENCES: Final[Mapping[int, str]] = {
    13: _REFUSED,
    18: _REFUSED,
    8000: _REFUSED,
    14031: _FULL,
    50: _SLOW,
    292: _SORTS_MUCH,
    **dict.fromkeys(
        # From MongoDB's list of errors: those that say that a server stops, steps down, waited too long for another, or
        # let go of a cursor.
        (6, 7, 24, 43, 64, 79, 89, 91, 112, 133, 134, 189, 202, 237, 262, 279, 290, 317, 358, 365, 9001, 10107, 11600,
         11601, 11602, 13388, 13435, 13436),
        _CHANGING,
    ),
}  # fmt: skip
"""What may pass, by the code of MongoDB's error."""

TOO_LARGE: Final = (
    "It makes a document larger than the 16 MiB that MongoDB takes; in a trace, the metadata of all its events counts, "
    "and twice."
)
_TOO_DEEP: Final = "It is nested deeper than MongoDB takes; XRAY_MAX_DEPTH should be at most 100."
_NOT_TAKEN: Final = "MongoDB refuses it for what it is (error {code}), and always will."

_NEVER: Final[Mapping[int, str]] = {
    15: _TOO_DEEP,
    **dict.fromkeys((10334, 17419, 17420), TOO_LARGE),
    # A name or a value that BSON, a rule of the collection or an index does not take.
    **{code: _NOT_TAKEN.format(code=code) for code in (22, 52, 53, 54, 55, 56, 57, 121, 171, 17280)},
}
"""What no repetition changes, by the code of MongoDB's error. Any other is a mistake of ours, and stays what it is."""

_NEVER_WRITTEN: Final[Mapping[int, str]] = {**_NEVER, 2: _NOT_TAKEN.format(code=2)}
"""The same for one write of several, of which one that is too large may be a bad value. A bad command is a mistake."""

_BAD_PATTERN: Final = 51091

_PASSING_LABELS: Final = ("RetryableWriteError", "RetryableError", "SystemOverloadedError")
"""What servers and drivers put on errors that pass; the last two since MongoDB turns calls away under too much load."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PyMongo says into what is to be done; a mistake of ours stays one.

    Raises `Unavailable` if the same call may work later, `Unstorable` if a document can never be written.
    """
    try:
        yield
    except DocumentTooLarge as error:  # which is no `PyMongoError`
        raise Unstorable(TOO_LARGE) from error
    except PyMongoError as error:
        ours = _ours(error)
        if ours is None:
            raise
        raise ours from error


@contextmanager
def of_a_query() -> Iterator[None]:
    """Do so for what a client asks: it never writes, but may be more than the database takes.

    Raises `Unavailable`, or `BadRequest`.
    """
    try:
        with translated():
            yield
    except Unstorable as error:
        raise BadRequest("The filter is larger, or nested deeper, than the database takes.") from error
    except OperationFailure as error:
        if error.code != _BAD_PATTERN:
            raise
        raise BadRequest("The filter holds a pattern of `$regex` that the database does not take.") from error


def is_transient(code: int | None) -> bool:
    """Tell whether the same call may work later."""
    return code in _SENTENCES


def _ours(error: PyMongoError) -> Unavailable | Unstorable | None:
    if isinstance(error, ExecutionTimeout):
        return _unavailable(_SLOW)
    if isinstance(error, (ConnectionFailure, ProtocolError, WriteConcernError)):
        return _unavailable(_AWAY)
    if isinstance(error, InvalidOperation):
        return _unavailable(_AWAY) if "after close" in str(error) else None
    if isinstance(error, BulkWriteError):
        return _of_bulk(error.details or {})
    if isinstance(error, OperationFailure):
        if any(map(error.has_error_label, _PASSING_LABELS)):
            return _unavailable(_CHANGING)
        return _of_codes([error.code or 0], _NEVER)
    return None


def _of_bulk(details: Mapping[str, Any]) -> Unavailable | Unstorable | None:
    """Go by all errors that are no duplicates."""
    codes = [each.get("code", 0) for each in details.get("writeErrors") or [] if each.get("code") != DUPLICATE_KEY]
    if details.get("writeConcernErrors"):
        return _unavailable(_AWAY)
    return _of_codes(codes, _NEVER_WRITTEN)


def _of_codes(codes: Sequence[int], never: Mapping[int, str]) -> Unavailable | Unstorable | None:
    """Try again as long as one of several errors may pass; what was stored by then is stored."""
    passing = next((_SENTENCES[code] for code in codes if code in _SENTENCES), None)
    if passing is not None:
        return _unavailable(passing)
    reasons = [never[code] for code in codes if code in never]
    return Unstorable(reasons[0]) if reasons and len(reasons) == len(codes) else None


def _unavailable(sentence: str) -> Unavailable:
    return Unavailable(sentence, retry_after_seconds=RETRY_AFTER_SECONDS)
