"""An event of a request that was taken, and one that was not."""

from dataclasses import dataclass
from typing import NamedTuple

from xray_backend.ingest.shapes import Event

__all__ = ["Rejection", "Taken"]


class Taken(NamedTuple):
    """An event that was checked."""

    place: int
    """Where it stands in its request, from 0."""

    text: bytes
    """Its JSON, as the client wrote it; checking it again gives the same event."""

    event: Event

    @property
    def kind(self) -> str:
        """The event's type, as the wire names it."""
        return str(self.event.__struct_config__.tag)


@dataclass(frozen=True)
class Rejection:
    """An event that is not taken: its place in the request, why, and under which words that is counted."""

    index: int
    error: str
    kind: str
