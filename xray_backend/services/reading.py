"""Traces with their steps, the values that the steps took and gave, and the shapes of their metadata."""

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xray_backend.blobs.base import BlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import NotFound
from xray_backend.query.cursor import CursorCodec, Position, TracePosition, binding
from xray_backend.services.trace_steps import TraceSteps
from xray_backend.store.base import Store
from xray_backend.store.records import DataRecord, Json, MergedSchema

__all__ = ["Content", "DataLink", "Reading", "TracePage", "TraceView"]

FILE_NAME_CHARACTERS = 100  # part of a URL, where each may take 12 bytes, and 4,094 is the longest that is served
STEPS_PER_PAGE = 1000  # the wire contract's number


@dataclass(frozen=True)
class TracePage:
    """Some traces, newest first."""

    traces: Sequence[Json]
    next_cursor: str | None


@dataclass(frozen=True)
class TraceView:
    """A trace, some of its steps, and the records of what these steps took and gave."""

    trace: Json
    steps: Sequence[Json]
    data: Sequence[Json]
    next_cursor: str | None


@dataclass(frozen=True)
class DataLink:
    """Where a browser finds a value; no URL while its bytes have not come."""

    presigned_url: str | None
    record: DataRecord


@dataclass(frozen=True)
class Content:
    """A value that came inside its event."""

    content: bytes
    content_type: str | None
    file_name: str


class Reading:
    """Reads one project; that the caller may is checked before."""

    def __init__(self, store: Store, blobs: BlobStore, signer: UrlSigner, cursors: CursorCodec) -> None:
        self._store = store
        self._blobs = blobs
        self._signer = signer
        self._cursors = cursors

    def traces(
        self,
        project_id: str,
        *,
        status: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        cursor: str | None,
    ) -> TracePage:
        """List traces. Raises `BadRequest` if the cursor is of another list."""
        bound = binding(project_id, "traces list", [status, start_ms, end_ms])
        after = None if cursor is None else self._cursors.decode(cursor, bound, Position)
        page = self._store.traces(project_id, status=status, start_ms=start_ms, end_ms=end_ms, limit=limit, after=after)
        following = page.next_position
        return TracePage(page.documents, None if following is None else self._cursors.encode(following, bound))

    def trace(self, project_id: str, trace_id: str, *, cursor: str | None) -> TraceView:
        """Show a trace. Raises `NotFound` if there is none, `BadRequest` if the cursor is of another."""
        bound = binding(project_id, "steps of a trace", trace_id)
        begin = TracePosition() if cursor is None else self._cursors.decode(cursor, bound, TracePosition)
        trace = self._store.trace(project_id, trace_id)
        if trace is None:
            raise NotFound("This project has no such trace.")
        steps = TraceSteps(self._store.steps_of(project_id, trace_id, limit=STEPS_PER_PAGE, after=begin.after), begin)
        data = self._store.data_of(project_id, trace_id, steps.data_ids)
        following = steps.next_position(data.taken)
        next_cursor = None if following is None else self._cursors.encode(following, bound)
        return TraceView(trace, steps.listed(data.taken), data.documents, next_cursor)

    def data(self, project_id: str, trace_id: str, data_id: str) -> DataLink:
        """Tell where a value is found. Raises `NotFound` if the trace has none of this id."""
        record = self._record(project_id, trace_id, data_id)
        data_path = f"{project_id}/{data_id}"
        if record.content is not None:
            return DataLink(self._signer.sign("GET", _content_path(project_id, trace_id, data_id), {}), record)
        if not self._blobs.exists(data_path):
            return DataLink(None, record)
        url = self._blobs.presign_get(data_path, file_name=_file_name(record), content_type=record.content_type)
        return DataLink(url, record)

    def content(self, project_id: str, trace_id: str, data_id: str, arguments: Mapping[str, str]) -> Content:
        """Give back a value that came inside its event.

        Raises `Forbidden` if the URL was not signed for it, `NotFound` if it is gone.
        """
        self._signer.check("GET", _content_path(project_id, trace_id, data_id), arguments)
        record = self._record(project_id, trace_id, data_id)
        if record.content is None:
            raise NotFound("This value did not come inside its event.")
        return Content(record.content, record.content_type, _file_name(record))

    def schemas(self, project_id: str, step_name: str | None) -> Iterator[Sequence[Json]]:
        """Read the shapes of metadata, some at a time."""
        return self._store.schemas(project_id, step_name)

    def merged_schema(self, project_id: str, step_name: str | None) -> MergedSchema:
        """Merge the shapes of metadata."""
        return self._store.merged_schema(project_id, step_name)

    def _record(self, project_id: str, trace_id: str, data_id: str) -> DataRecord:
        record = self._store.data(project_id, trace_id, data_id)
        if record is None:
            raise NotFound("This trace has no such data.")
        return record


def _content_path(project_id: str, trace_id: str, data_id: str) -> str:
    return f"/content/{project_id}/{trace_id}/{data_id}"


def _file_name(record: DataRecord) -> str:
    kind = (record.content_type or "").partition(";")[0].strip()
    return record.key[:FILE_NAME_CHARACTERS] + (mimetypes.guess_extension(kind) or "")
