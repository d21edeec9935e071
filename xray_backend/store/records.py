"""What goes into the store and comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

from xray_backend.query.cursor import FieldPosition, Position, StepPosition

__all__ = [
    "SHAPES_PER_STEP_NAME",
    "UNCHANGED",
    "ApiKey",
    "Collection",
    "DataPage",
    "DataRecord",
    "EventBatch",
    "Json",
    "KeyOwner",
    "Member",
    "MergedSchema",
    "Page",
    "Project",
    "Role",
    "SchemaSighting",
    "StepPage",
    "StepRecord",
    "StoreState",
    "TraceEvent",
    "Unchanged",
    "User",
    "WriteResult",
]

Json: TypeAlias = bytes
"""One JSON document, encoded."""

SHAPES_PER_STEP_NAME = 1000
"""Code writes some dozens; a step name with more has data for keys, and another thousand would tell nobody anything."""

Collection = Literal["steps", "traces"]
Role = Literal["owner", "member"]


@dataclass(frozen=True)
class User:
    """An account."""

    user_id: str
    email: str
    name: str
    password_hash: str = field(repr=False)


@dataclass(frozen=True)
class Project:
    """A project, without its members."""

    project_id: str
    object_id: str
    name: str
    created_at_ms: int
    updated_at_ms: int
    retention_days: int | None = None
    """Traces that are older are deleted; None keeps them for ever."""


@dataclass(frozen=True)
class Member:
    """A person in a project."""

    member_id: str
    user_id: str
    email: str
    name: str
    role: Role
    joined_at_ms: int


class Unchanged(Enum):
    """The type of `UNCHANGED`, which stands for a field that is left as it is where None is a value of its own."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True)
class ApiKey:
    """A key as it is listed; the key itself is not kept."""

    key_id: str
    project_id: str
    name: str
    prefix: str
    key_hash: str = field(repr=False)
    created_at_ms: int
    last_used_at_ms: int | None
    is_active: bool


@dataclass(frozen=True)
class KeyOwner:
    """What a valid key stands for."""

    key_id: str
    project_id: str


@dataclass(frozen=True)
class TraceEvent:
    """A `trace-*` event, or what a step tells of its trace, ready to be merged by `store.trace_state`."""

    trace_id: str
    kind: Literal["trace-start", "trace-success", "trace-failure", "step"]
    created_at_ms: float | None
    ended_at_ms: float | None
    timestamp_ms: float | None
    name: str | None
    metadata: Mapping[str, object]
    end_metadata: Mapping[str, object]
    """`successMetadata` or `failureMetadata`."""


class StepRecord(NamedTuple):
    """A step to be stored; a tuple, since of these the most are made, and of all here it is the quickest to make."""

    step_id: str
    trace_id: str
    step_name: str | None
    step_number: int | None
    timestamp_ms: float
    pending: bool
    document: Mapping[str, object]
    """All fields of the answer but `_id`, `__v`, `projectId` and `timestamp`, which the store adds."""


@dataclass(frozen=True)
class DataRecord:
    """The record of a captured value; the bytes lie inline (`content`) or in the blob store."""

    data_id: str
    trace_id: str
    key: str
    metadata: Mapping[str, object]
    content: bytes | None
    content_type: str | None
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class SchemaSighting:
    """The shape of one step's metadata."""

    step_name: str
    schema_hash: str
    schema_shape: Mapping[str, object]
    seen_at_ms: int


@dataclass(frozen=True)
class EventBatch:
    """What one request or one poll of the queue brought for one project."""

    project_id: str
    traces: Sequence[TraceEvent] = ()
    steps: Sequence[StepRecord] = ()
    data: Sequence[DataRecord] = ()
    schemas: Sequence[SchemaSighting] = ()


@dataclass(frozen=True)
class WriteResult:
    """How many documents were new, and how many were there already (and were left as they are).

    Steps and data records are counted; a final step that takes a pending one's place counts as new. Traces merge,
    and shapes are only noted, so neither counts.
    """

    stored: int
    repeated: int
    deleted: int = 0
    """Events of every kind that were left out, since what they tell of was deleted, or is older than is kept."""
    shapes_left_out: int = 0
    """Shapes that were not kept, since their step name has `SHAPES_PER_STEP_NAME`."""


@dataclass(frozen=True)
class Page:
    """Documents, and where the next page begins (None: this was the last)."""

    documents: Sequence[Json]
    next_position: Position | FieldPosition | None


@dataclass(frozen=True)
class StepPage:
    """Steps of one trace, and where the next page begins (None: this was the last)."""

    documents: Sequence[Json]
    positions: Sequence[StepPosition]
    """Of each of them."""
    next_position: StepPosition | None


@dataclass(frozen=True)
class DataPage:
    """Records of data, in the order in which they were asked for."""

    documents: Sequence[Json]
    taken: int
    """To how many of the ids asked for they are the whole answer."""


@dataclass(frozen=True)
class StoreState:
    """How a store is; asked for at each scrape, so it costs a few look-ups."""

    waiting_calls: int
    """Calls of this process that wait to be written."""

    database_bytes: int
    log_bytes: int
    """What the database and the log in front of it take, as far as that is known here."""


@dataclass(frozen=True)
class MergedSchema:
    """A merged shape, and whether it tells all that was seen."""

    document: Json
    is_complete: bool
