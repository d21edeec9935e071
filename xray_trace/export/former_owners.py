"""FormerOwners: under which names this process owned files of the spool before."""

from typing import Protocol

__all__ = ["FormerOwners", "Releasable"]


class Releasable(Protocol):
    """A storage whose ownership can be given up."""

    def release(self) -> None:
        """Give it up."""

    def forget_in_child(self) -> None:
        """Let go, in a fork's child, of what is the parent's."""


class FormerOwners:
    """What the pipelines of one exporter leave to the next.

    One that ends while a step still runs, as at a shutdown with daemon threads, keeps its lock: else another
    process would take the notes of what runs for those of the dead. The lock ends with the process, and is given up
    by the next pipeline, which has notes of its own then and takes over the files.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        """What they recorded is counted already."""
        self.resting: list[Releasable] = []
        """Those that keep their lock."""

    def release(self) -> None:
        """Give up what rests."""
        while self.resting:
            self.resting.pop().release()

    def forget_in_child(self) -> None:
        """Let go, in a fork's child, of what is the parent's."""
        for storage in self.resting:
            storage.forget_in_child()
