"""Item: a batch or a blob that lies in the spool."""

from dataclasses import dataclass

__all__ = ["Item"]


@dataclass(frozen=True)
class Item:
    """A batch or a blob that lies in the spool."""

    name: str
    is_blob: bool
    events: int
    """How many items of the statistics it stands for."""
    journal: str | None = None
    """The journal it came from, where that has to stay until this is gone."""
