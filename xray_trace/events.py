"""What the caller's thread hands to the export side: a record, cheap to write, that the background expands.

A record is written as the caller has it: a step's fields as they are, each captured value as the bytes it was
encoded to. JSON events, summaries, hashing and deduplication come later, off the caller's thread.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

import msgspec

__all__ = [
    "Content",
    "ContentStream",
    "LateValue",
    "OpenScope",
    "OpenScopes",
    "Part",
    "Record",
    "Role",
    "Sink",
    "StepEvent",
    "StepType",
    "Unfinished",
    "decode_record",
    "encode_record",
]

Role = Literal["input", "output"]
"""What an artifact was to its step; None where it was simply attached."""

StepType = Literal["step", "step-error", "trace-error"]


class Content(NamedTuple):
    """A value as bytes, with what can be said of it without opening them."""

    content_type: str
    body: bytes
    summary: bytes
    """A JSON object: `type`, `bytes`, and where they apply `length`, `value`, `shape`, `columns`, `late`."""


class ContentStream(NamedTuple):
    """A value as bytes that are made as they are asked for, so that it is never held whole."""

    content_type: str
    chunks: Iterator[bytes]
    """Making the next one may raise, in the middle of the value too."""


class Part(msgspec.Struct, array_like=True, gc=False):
    """One captured value of a record; it becomes an artifact of the step and, the first time, a `data` event."""

    key: str
    role: Role | None
    content_type: str
    body: bytes | None
    """The encoded value; None where it is in a blob file, or is still being encoded."""
    summary: bytes | int
    """See `Content.summary`; of a plain value its shape, of which `capture.shape` makes a summary."""
    metadata: bytes = b"{}"
    """A JSON object, the artifact's free-form metadata."""
    data_id: str | None = None
    """Set where the caller was told the id already, or the content is not known yet; else derived from the content."""
    blob: str | None = None
    """The name of the staged file that holds the bytes, where they are too many to travel inline."""
    listed: bool = True
    """Whether the step's `inputs` or `output` show this part's summary."""


class StepEvent(msgspec.Struct, array_like=True, gc=False):
    """A step as the caller has it; the wire contract's `step`, `step-error` or `trace-error`."""

    type: StepType
    step_id: str
    name: str | None
    number: int | None
    at_seconds: float
    """When it began, since the Unix epoch."""
    duration_seconds: float | None = None
    parent_id: str | None = None
    metadata: bytes = b"{}"
    """A JSON object."""
    artifacts: bytes = b""
    """A JSON array of references to values that were stored before."""
    pending: bool = False
    """Whether it still runs."""


class Record(msgspec.Struct, array_like=True):
    """One event and the values captured with it."""

    trace_id: str
    event: bytes | StepEvent
    """A step, or another event as JSON; empty where only values are recorded."""
    parts: list[Part] = []


class LateValue(NamedTuple):
    """A value that was too large to be encoded in the caller's thread."""

    trace_id: str
    data_id: str
    key: str
    metadata: bytes
    encode: Callable[[], ContentStream]
    """Does the work that was put off; runs in a worker thread and may raise."""


class Sink(Protocol):
    """Takes records from any thread, any number at once."""

    def put(self, record: Record, is_small: bool = False) -> None:
        """Keep the record; when this returns, it outlives the process wherever there is a usable disk.

        `is_small` says that hardly any of its values is large, so that looking for such would be lost time.

        Never waits for the network or for another thread, may be called from a signal handler, and raises
        nothing of its own: what cannot be kept is counted with a reason. While the interpreter is torn down it
        keeps nothing: what objects record as they are destroyed then could wait for ever for a lock that a
        thread died with.
        """

    def put_late(self, value: LateValue) -> None:
        """Have the value encoded in the background; when this returns, that it exists outlives the process.

        Else as `put`.
        """


class Unfinished(NamedTuple):
    """What is to be told of a step or trace that has not ended yet."""

    pending: Record | None
    """Says that it runs, with what was captured so far; None for a trace, whose start was told."""
    closing: list[Record]
    """What is to be sent if the process dies now: a step's `step-error` first, a trace's `trace-failure`."""
    kept: Callable[[], None] = lambda: None
    """To be called when the pending record is kept: its large values need not be kept a second time."""


class OpenScope(Protocol):
    """A step or trace that has not ended."""

    def unfinished(self) -> Unfinished:
        """Return what is to be told of it; for the background thread, while the program goes on with it."""


class OpenScopes(Protocol):
    """What the program has begun and not ended; asked by the background thread alone."""

    def is_empty(self) -> bool:
        """Tell whether nothing is open."""

    def open_long(self) -> Mapping[Hashable, OpenScope]:
        """Return what has been open for a second or more."""

    def call_at_next(self, wake: Callable[[], None] | None) -> None:
        """Have this called, once, when something begins, by the thread that begins it; None calls it off."""

    def forget_in_child(self) -> None:
        """Forget, in a fork's child, what is open in its parent."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)

encode_record: Callable[[Record], bytes] = _encoder.encode
decode_record: Callable[[bytes | memoryview], Record] = _decoder.decode
