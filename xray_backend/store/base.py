"""The port to the database. Every implementation passes `tests/contract/test_store.py`.

Rules for all methods:

- each reads and writes one project only (`project_id`), accounts excepted;
- each may block on the database, and raises `errors.Unavailable` when the database is away or too slow;
- what a writing method returned from is durable: it outlives a power cut;
- documents come back in the shape of the answers (camelCase keys, ISO times, `_id`, `__v`), as JSON bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from xray_backend.query.cursor import FieldPosition, Position, StepPosition
from xray_backend.query.sort import Sort
from xray_backend.query.tree import Node
from xray_backend.store.deletions import Deletions
from xray_backend.store.records import (
    ApiKey,
    Collection,
    DataPage,
    DataRecord,
    EventBatch,
    Json,
    KeyOwner,
    Member,
    MergedSchema,
    Page,
    Project,
    Role,
    StepPage,
    StepRecord,
    StoreState,
    Unchanged,
    User,
    WriteResult,
)

__all__ = ["Store"]


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

        Attempts are those to log in, to register, and to be the server that sweeps.
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

    def compact(self, project_id: str, step: StepRecord) -> StepRecord:
        """Return a step that `write` stores likewise, and that takes less memory until then if the store knows how.

        Steps in a tenth of the memory stay in the processor's cache. Does not block. Raises `Unstorable` as `write`.
        """
        return step

    @abstractmethod
    def write(self, batch: EventBatch) -> WriteResult:
        """Store events; idempotent by id, and the result is the same for every order and repetition.

        Traces merge by `store.trace_state`; a step's trace is made where it is missing. A final step replaces
        a pending one, otherwise the first stored wins. What belongs to a deleted trace or project is left out, and so
        is what belongs to no stored trace and is older than the project's retention; both are counted.

        Raises `Unstorable` if the batch holds what can never be kept; any part of the rest may be stored then.
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
    def data_of(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> DataPage:
        """List the records (not the contents) of these data ids in this trace, in their order.

        Unknown ids are left out. Of many that are large the first are listed, one at least.
        """

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
    def schemas(self, project_id: str, step_name: str | None) -> Iterator[Sequence[Json]]:
        """Read the shapes seen, some at a time: `stepName`, `schemaHash`, `schemaShape`, `lastSeenAt`.

        Of one step name, the first `SHAPES_PER_STEP_NAME` that came are kept. Between two pieces nothing is held of the
        database; a shape that was there before the first and is not deleted comes once.
        """

    @abstractmethod
    def merged_schema(self, project_id: str, step_name: str | None) -> MergedSchema:
        """Merge the shapes that `schemas` lists, by `store.metadata_shape`.

        Not complete where a step name has as many shapes as are kept, or an object as many keys as are told.
        """

    # -- operations -------------------------------------------------------------------------------------

    def check_layout(self) -> None:
        """Return if all is there that `xray-backend init` makes. Takes some seconds at most.

        Raises `ConfigurationError` if something is missing, `Unavailable` if that cannot be found out now.
        """

    @abstractmethod
    def start(self) -> None:
        """Begin the work that goes on beside the calls; once, in a process that forks no more.

        A program that does not call it loses nothing but speed.
        """

    @abstractmethod
    def state(self) -> StoreState:
        """Tell how much waits, and how large it is. Takes a second at most, and never raises."""

    @abstractmethod
    def ping(self) -> None:
        """Return if the store can answer. Raises `Unavailable` if it cannot."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was accepted and let go of the database. Idempotent."""
