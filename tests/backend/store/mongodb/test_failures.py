"""What becomes of an error decides whether it is tried again, set aside, or ends the program."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Message
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    CursorNotFound,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ProtocolError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from tests.backend.store.mongodb.place import Place
from tests.contract.test_store import all_steps, data, start, step, trace_of
from xray_backend.errors import BadRequest, Unavailable, Unstorable
from xray_backend.ingest.bus import InlineBus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import parse_ingest
from xray_backend.kafka.message import headers_of
from xray_backend.kafka.storing import Storing
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store
from xray_backend.store.mongodb.failures import of_a_query, translated
from xray_backend.store.records import EventBatch

MIB = 1024 * 1024
DUPLICATE, TOO_LARGE, STEPPED_DOWN, NO_SUCH_COMMAND, OVERLOADED = 11000, 10334, 10107, 59, 365


def bulk(*codes: int, concern: int | None = None) -> BulkWriteError:
    errors = [{"index": place, "code": code, "errmsg": "…"} for place, code in enumerate(codes)]
    return BulkWriteError(
        {"writeErrors": errors, "writeConcernErrors": [] if concern is None else [{"code": concern, "errmsg": "…"}]}
    )


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("reset"),
        NetworkTimeout("late"),
        NotPrimaryError("not primary", {"code": STEPPED_DOWN}),
        ServerSelectionTimeoutError("nobody"),
        WaitQueueTimeoutError("busy"),
        ProtocolError("torn"),
        ExecutionTimeout("late", 50),
        WriteConcernError("not enough members", 100),
        WTimeoutError("the others are late", 64),
        CursorNotFound("gone", 43),
        OperationFailure("killed", 11601),
        OperationFailure("new code", 99999, {"errorLabels": ["RetryableWriteError"]}),
        OperationFailure("new code", 99999, {"errorLabels": ["SystemOverloadedError", "RetryableError"]}),
        OperationFailure("new code", 99999, {"errorLabels": ["SystemOverloadedError"]}),
        OperationFailure("new code", 99999, {"errorLabels": ["RetryableError"]}),
        OperationFailure("turned away", OVERLOADED),
        InvalidOperation("Cannot use MongoClient after close"),
        bulk(OVERLOADED),
        bulk(DUPLICATE, TOO_LARGE, OVERLOADED),
        bulk(concern=64),
        bulk(DUPLICATE, STEPPED_DOWN),
        bulk(TOO_LARGE, STEPPED_DOWN),
        bulk(NO_SUCH_COMMAND, STEPPED_DOWN),
        bulk(TOO_LARGE, concern=91),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    with pytest.raises(Unavailable) as caught, translated():
        raise error
    assert caught.value.retry_after_seconds
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        DocumentTooLarge("update command document too large"),
        OperationFailure("too large", TOO_LARGE),
        OperationFailure("Resulting document after update is larger than 16777216", 17419),
        OperationFailure("Document to upsert is larger than 16777216", 17420),
        OperationFailure("exceeds 180 levels of nesting", 15),
        bulk(TOO_LARGE),
        bulk(DUPLICATE, TOO_LARGE, 15),
        bulk(2),
    ],
    ids=repr,
)
def test_what_no_repetition_changes_can_never_be_stored(error: Exception) -> None:
    with pytest.raises(Unstorable, match=r"\.$"), translated():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("no such command", NO_SUCH_COMMAND),
        OperationFailure("a command with a bad value", 2),
        InvalidOperation("No operations to execute"),
        ConfigurationError("the server is too old"),
        bulk(DUPLICATE),
        bulk(TOO_LARGE, NO_SUCH_COMMAND),
        KeyError("a mistake"),
    ],
    ids=repr,
)
def test_a_mistake_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [DocumentTooLarge("find"), OperationFailure("deep", 15), OperationFailure("pattern", 51091)], ids=repr
)
def test_a_query_that_the_database_does_not_take_is_the_client_s_mistake(error: Exception) -> None:
    with pytest.raises(BadRequest, match=r"^The filter .*\.$"), of_a_query():
        raise error


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: EventBatch("p", steps=[step("s", metadata={"text": "x" * 16 * MIB})]),
        lambda: EventBatch("p", steps=[step("s", metadata={"text": "x" * 50 * MIB})]),
        lambda: EventBatch("p", traces=[start(text="x" * 9 * MIB)]),
        lambda: EventBatch("p", data=[data("d", content=b"x" * 16 * MIB)]),
        lambda: EventBatch("p", steps=[step("s", metadata={"number": 2**64})]),
        lambda: EventBatch("p", steps=[step("s", metadata={"half": "\ud800"})]),
        lambda: EventBatch("p", steps=[step("s", metadata=nested(100_000))]),
    ],
    ids=["step", "message", "trace", "data", "number", "text", "depth"],
)
def test_what_a_document_cannot_hold_is_told_and_the_next_batch_is_stored(
    store: Store, make: Callable[[], EventBatch]
) -> None:
    with pytest.raises(Unstorable, match=r"\.$"):
        store.write(make())
    assert store.write(EventBatch("p", steps=[step("good")])).stored == 1
    assert [found["stepId"] for found in all_steps(store)] == ["good"]


def message(offset: int, **event: Any) -> Message:
    return Message(
        topic="t", partition=0, offset=offset, value=json.dumps(event).encode(), headers=headers_of("p", "r", 1)
    )


def test_of_a_trace_that_grows_too_large_only_the_events_at_fault_are_set_aside(place: Place) -> None:
    store = place.open()
    storing = Storing(Processor(store, Metrics()), Limits(max_event_bytes=5 * MIB))
    grown = [
        message(number, type="trace-start", traceId="large", createdAt=1, metadata={f"k{number}": "x" * 3 * MIB})
        for number in range(5)
    ]
    others = [message(9, type="trace-start", traceId="small", createdAt=1, metadata={"k": 1})]
    steps = [
        message(10 + number, type="step", stepId=f"s{number}", traceId="large", stepName="a", stepNumber=1, timestamp=2)
        for number in range(20)
    ]
    dead = storing.store(storing.prepare([*grown[:3], *others, *grown[3:], *steps]))
    assert [letter.message.offset() for letter in dead] == [2, 3, 4]
    assert all("16 MiB" in letter.reason for letter in dead)
    assert set(trace_of(store, "large")["metadata"]) == {"k0", "k1"}
    assert trace_of(store, "small")["metadata"] == {"k": 1}
    assert len(all_steps(store)) == 20
    assert len(storing.store(storing.prepare(grown))) == 3


def test_without_a_queue_the_events_that_can_never_be_stored_are_rejected_by_their_places(store: Store) -> None:
    events = [
        {"type": "trace-start", "traceId": "large", "createdAt": 1, "metadata": {f"k{number}": "x" * 3 * MIB}}
        for number in range(4)
    ]
    broken, good = {"type": "step"}, {"type": "trace-start", "traceId": "small", "createdAt": 1}
    limits = Limits(max_body_bytes=20 * MIB, max_event_bytes=5 * MIB)
    taken = parse_ingest(json.dumps({"events": [broken, *events, good]}).encode(), limits, "p").taken
    refused = InlineBus(Processor(store, Metrics())).publish("p", taken, "r")
    assert [rejection.index for rejection in refused] == [3, 4]
    assert all("16 MiB" in rejection.error for rejection in refused)
    assert set(trace_of(store, "large")["metadata"]) == {"k0", "k1"}
    assert trace_of(store, "small")["status"] == "pending"
