"""What the modules for foreign libraries have in common."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["MOST_COLUMNS", "Encoded", "ForeignValue", "Masking", "StandIn"]


MOST_COLUMNS = 200  # that a summary names; the shape tells how many there are, and the event has a limit


class Masking(NamedTuple):
    """How secrets are kept out; each part raises what the user's redaction function raises."""

    hidden: bool
    """Whether the whole value stands under a secret name: all its strings are masked."""
    hides: Callable[[str, object], bool]
    """Whether what stands under this name (a column's, a field's) is masked."""
    convert: Callable[[str, object], Any]
    """Returns a cell that is itself a container as plain JSON values, masked."""


class Encoded(NamedTuple):
    """A value in its library's own format."""

    content_type: str
    body: bytes
    note: str | None = None
    """What the reader must know of the form, where it is not the usual one."""


class ForeignValue(NamedTuple):
    """A value of a library that has a format of its own."""

    content_type: str
    size_bytes: int
    """About how much there is to encode."""
    caller_limit_bytes: int
    """Above this the value is encoded in the background."""
    length: int | None
    """Rows; None for an image and an array without a dimension."""
    details: dict[str, Any]
    """What the summary tells besides: `shape`, `dtype`, `columns`; JSON values."""
    outline: dict[str, Any]
    """Stands in the value's place inside of another value."""
    encode: Callable[[Masking], Encoded | None]
    """Returns None if the format cannot hold the value; may raise what the library raises."""
    chunks: Callable[[Masking], Iterator[bytes] | None] | None = None
    """The same bytes, made as they are asked for; None, or returns None, where they can only be had in one piece."""


class StandIn(NamedTuple):
    """What JSON shows in a foreign value's place."""

    plain: Any
    is_whole: bool
    """Whether it says all of the value."""
