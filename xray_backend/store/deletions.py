"""The part of the port to the database that forgets; the rules for all methods are those in `store/base.py`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["DeletionPiece", "Deletions", "PieceRemoval"]


@dataclass(frozen=True)
class DeletionPiece:
    """What is to be removed next of a deleted trace, or of a deleted project (`trace_id` is None)."""

    project_id: str
    trace_id: str | None
    data_ids: Sequence[str]
    """Values of the trace whose blobs must be removed before the piece is; a project's blobs go as a whole."""


@dataclass(frozen=True)
class PieceRemoval:
    """How many rows were removed, and whether nothing of the trace or project is left."""

    rows: int
    done: bool


class Deletions(ABC):
    """Deletes traces and projects: each is hidden at once, and goes piece by piece."""

    @abstractmethod
    def delete_trace(self, project_id: str, trace_id: str) -> bool:
        """Delete a trace for good; False if there is none.

        On return nothing of it is seen by any reading method, and it is written down that its rows are to be removed.
        Raises `TooManyRequests` if so many were deleted just now that no more can be hidden.
        """

    @abstractmethod
    def delete_project(self, project_id: str) -> bool:
        """Delete a project for good, with its members and keys; False if there is none. As `delete_trace`."""

    @abstractmethod
    def expire_traces(self, limit: int) -> int:
        """Delete at most `limit` traces, of any project, that are older than their project's retention.

        A trace is as old as the newest of its `createdAt`, its `endedAt` and its steps. Data whose trace is not there
        is as old as its arrival. Returns how many were deleted; 0 says that nothing is too old now.
        """

    @abstractmethod
    def is_deleted(self, project_id: str, trace_id: str) -> bool:
        """Tell whether events of this trace are left out because it, or its project, was deleted."""

    @abstractmethod
    def recorded_data(self, project_id: str, data_ids: Sequence[str]) -> Mapping[str, tuple[int | None, str | None]]:
        """Tell which of these values have a record that was not deleted, with the size and SHA-256 that it has."""

    @abstractmethod
    def next_deletion(self, limit: int) -> DeletionPiece | None:
        """Find a piece of what is to be removed, of any project, with at most `limit` values; None if all is done."""

    @abstractmethod
    def remove(self, piece: DeletionPiece, limit: int) -> PieceRemoval:
        """Remove the piece's data records, and further rows up to `limit`, while others may write between pieces.

        Idempotent; may be repeated from `next_deletion` after any interruption.
        """
