"""The port to the database. Every implementation passes `tests/contract/test_store.py`.

Rules for all methods:

- each reads and writes one project only (`project_id`), accounts excepted;
- each may block on the database, and raises `errors.Unavailable` when the database is away or too slow;
- what a writing method returned from is durable: it outlives a power cut;
- documents come back in the shape of the answers (camelCase keys, ISO times, `_id`, `__v`), as JSON bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, TypeAlias

from xray_backend.query.cursor import FieldPosition, Position, StepPosition
from xray_backend.query.sort import Sort
from xray_backend.query.tree import Node
from xray_backend.store.deletions import Deletions

__all__ = [
    "SHAPES_PER_STEP_NAME",
    "UNCHANGED",
    "ApiKey",
    "Collection",
    "DataRecord",
    "EventBatch",
    "Json",
    "KeyOwner",
    "Member",
    "NewShapes",
    "Page",
    "Project",
    "Role",
    "SchemaSighting",
    "StepPage",
    "StepRecord",
    "Store",
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


@dataclass(frozen=True)
class StepRecord:
    """A step to be stored."""

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
    next_position: StepPosition | None


@dataclass(frozen=True)
class StoreState:
    """How a store is; asked for at each scrape, so it costs a few look-ups."""

    waiting_calls: int
    """Calls of this process that wait to be written."""

    database_bytes: int
    log_bytes: int
    """What the database file and its write-ahead log take."""


@dataclass(frozen=True)
class NewShapes:
    """Shapes with the names of their steps, and the mark to ask for later ones with."""

    shapes: Sequence[tuple[str, Json]]
    mark: int


class Store(Deletions, ABC):
    """Accounts, projects, keys, traces, steps, data records, schemas."""

    # -- accounts ---------------------------------------------------------------------------------------

    @abstractmethod
    def create_user(self, user: User) -> None:
        """Store a new account. Raises `Conflict` if the e-mail is taken."""

    @abstractmethod
    def user_by_email(self, email: str) -> User | None:
        """Find an account by its e-mail, as it was given (already lower-cased)."""

    @abstractmethod
    def user_by_id(self, user_id: str) -> User | None:
        """Find an account by its id."""

    @abstractmethod
    def replace_password(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        """Store a new password's hash; False if the stored one is another than `old_hash` by now."""

    # -- attempts ---------------------------------------------------------------------------------------

    @abstractmethod
    def count_attempt(self, key: str, limit: int, window_seconds: int) -> bool:
        """Count an attempt; False, and not counted, if there were `limit` in the window before it.

        Exact over threads and processes. A refusal writes nothing, and attempts whose window is over are removed, so
        that whoever floods the server with attempts fills neither the queue of writes nor the disk.
        """

    @abstractmethod
    def attempts(self, key: str, window_seconds: int) -> tuple[int, int]:
        """Return when the oldest attempt in the window was (in ms; now if there is none), and how many there are."""

    # -- projects and keys ------------------------------------------------------------------------------

    @abstractmethod
    def create_project(self, project: Project, owner_id: str) -> None:
        """Store a project whose only member is its owner."""

    @abstractmethod
    def projects_of(self, user_id: str) -> Sequence[Project]:
        """List the projects a user is a member of, oldest first."""

    @abstractmethod
    def project(self, project_id: str) -> Project | None:
        """Find a project."""

    @abstractmethod
    def update_project(
        self, project_id: str, *, name: str | None, retention_days: int | Unchanged | None
    ) -> Project | None:
        """Rename a project (None: it keeps its name), set its retention, or both; None if there is no such project.

        `updated_at_ms` moves to now, and never back.
        """

    @abstractmethod
    def role(self, project_id: str, user_id: str) -> Role | None:
        """Tell what a user may do in a project; None if they are no member or it does not exist."""

    @abstractmethod
    def add_member(self, project_id: str, user: User, role: Role) -> Member:
        """Take a user into a project. Raises `Conflict` if they are in it, `NotFound` if it does not exist."""

    @abstractmethod
    def members_of(self, project_id: str) -> Sequence[Member]:
        """List a project's members in the order in which they came."""

    @abstractmethod
    def remove_member(self, project_id: str, user_id: str) -> None:
        """Take a member out. Raises `NotFound` if they are none, `Conflict` if they are its last owner.

        Of all owners who are removed at once, one stays.
        """

    @abstractmethod
    def create_key(self, key: ApiKey) -> None:
        """Store a key's hash."""

    @abstractmethod
    def keys_of(self, project_id: str) -> Sequence[ApiKey]:
        """List a project's keys, oldest first, the revoked among them."""

    @abstractmethod
    def key_owner(self, key_hash: str) -> KeyOwner | None:
        """Find the project of an active key by the key's SHA-256."""

    @abstractmethod
    def revoke_key(self, project_id: str, key_id: str) -> bool:
        """Revoke a key; False if the project has none of that id. Idempotent."""

    @abstractmethod
    def touch_keys(self, last_used_at_ms: Mapping[str, int]) -> None:
        """Note when keys (by id) were used last. Need not be durable."""

    # -- recording --------------------------------------------------------------------------------------

    @abstractmethod
    def write(self, batch: EventBatch) -> WriteResult:
        """Store events; idempotent by id, and the result is the same for every order and repetition.

        Traces merge by `store.trace_state`; a step's trace is made where it is missing. A final step replaces
        a pending one, otherwise the first stored wins. What belongs to a deleted trace or project is left out, and so
        is what belongs to no stored trace and is older than the project's retention; both are counted.
        """

    # -- reading ----------------------------------------------------------------------------------------

    @abstractmethod
    def traces(
        self,
        project_id: str,
        *,
        status: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        after: Position | None,
    ) -> Page:
        """List traces, newest first by `createdAt`, then `_id`."""

    @abstractmethod
    def trace(self, project_id: str, trace_id: str) -> Json | None:
        """Find one trace."""

    @abstractmethod
    def steps_of(self, project_id: str, trace_id: str, *, limit: int, after: StepPosition | None) -> StepPage:
        """List a trace's steps by `stepNumber` (null last), `timestamp`, `stepId`.

        From page to page, a step that does not change comes once, whatever is stored meanwhile.
        """

    @abstractmethod
    def data_of(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> Sequence[Json]:
        """List the records (not the contents) of these data ids in this trace; unknown ids are left out."""

    @abstractmethod
    def data(self, project_id: str, trace_id: str, data_id: str) -> DataRecord | None:
        """Find one data record with its inline content."""

    @abstractmethod
    def query(
        self,
        collection: Collection,
        project_id: str,
        condition: Node,
        *,
        sort: Sort | None = None,
        limit: int,
        after: Position | FieldPosition | None,
    ) -> Page:
        """Find documents, newest first (`timestamp` of steps, `createdAt` of traces), then by `_id`; or as sorted.

        `after` is the `next_position` of a page with the same condition and sort. From page to page, a document that
        does not change comes once, whatever is stored meanwhile. Raises `Unavailable` if it takes longer than the
        store's time limit.
        """

    @abstractmethod
    def count(self, collection: Collection, project_id: str, condition: Node) -> int:
        """Count the documents of a query. Raises `Unavailable` if it takes longer than the store's time limit."""

    @abstractmethod
    def schemas(self, project_id: str, step_name: str | None) -> Sequence[Json]:
        """List the shapes seen: `stepName`, `schemaHash`, `schemaShape`, `lastSeenAt`.

        Of one step name, the first `SHAPES_PER_STEP_NAME` that came are kept.
        """

    @abstractmethod
    def shapes_since(self, project_id: str, mark: int) -> NewShapes:
        """List the shapes that were stored since a mark was given out, by any process; 0 asks for all."""

    # -- operations -------------------------------------------------------------------------------------

    @abstractmethod
    def start(self) -> None:
        """Begin the work that goes on beside the calls; once, in a process that forks no more.

        A program that does not call it loses nothing but speed.
        """

    @abstractmethod
    def state(self) -> StoreState:
        """Tell how much waits, and how large it is. Does not block, and never raises."""

    @abstractmethod
    def ping(self) -> None:
        """Return if the store can answer. Raises `Unavailable` if it cannot."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was accepted and let go of the database. Idempotent."""
