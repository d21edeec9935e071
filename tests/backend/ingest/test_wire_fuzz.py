"""Whatever comes, it is taken or refused with a sentence, and what is good is stored."""

import json
import uuid
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xray_backend.errors import ApiError
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.presign import parse_presign, parse_presign_batch
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.strict_json import parse_object
from xray_backend.ingest.wire import parse_ingest
from xray_backend.metrics import Metrics
from xray_backend.store.sqlite.store import SqliteStore

LIMITS = Limits()
STEP = {"type": "step", "stepId": "s", "traceId": "t", "stepName": "rank", "stepNumber": 1, "timestamp": 1}
DATA = {"type": "data", "dataId": "d", "traceId": "t", "key": "k"}
OPTIONAL = ["metadata", "artifacts", "inputs", "output", "durationMs", "parentStepId", "pending"]
FIELDS = [*STEP, *DATA, *OPTIONAL, "content", "createdAt", "events", "items"]

KEYS = st.text(max_size=5) | st.sampled_from(FIELDS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    path: Path = tmp_path_factory.mktemp("fuzz") / "store.db"
    store = SqliteStore(path)
    yield store
    store.close()


def taken_or_refused(body: bytes) -> list[int]:
    """Send the body to each parser; return the statuses of those that refused it."""
    statuses = []
    for parse in (
        lambda: parse_ingest(body, LIMITS, "p"),
        lambda: parse_object(body, LIMITS),
        lambda: parse_presign(body, LIMITS),
        lambda: parse_presign_batch(body, LIMITS),
    ):
        try:
            parse()
        except ApiError as error:
            statuses.append(error.status)
    return statuses


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_any_body_is_taken_or_refused_with_a_status(body: bytes) -> None:
    assert set(taken_or_refused(body)) <= {400, 413}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_the_middle_of_a_good_body_are_taken_or_refused(data: st.DataObject) -> None:
    body = json.dumps({"events": [STEP, DATA]}).encode()
    at = data.draw(st.integers(0, len(body)))
    middle = data.draw(st.binary(max_size=6) | st.sampled_from([b"[" * 3000, b'"', b"\\", b"NaN", b"\\ud800", b":"]))
    assert set(taken_or_refused(body[:at] + middle + body[at:])) <= {400, 413}


@given(good=st.integers(1, 5), bad=st.lists(JSON, max_size=4), data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_the_good_events_of_a_batch_are_stored(
    store: SqliteStore, good: int, bad: list[Any], data: st.DataObject
) -> None:
    project = f"p{uuid.uuid4()}"
    wrong = [{**STEP, "stepId": f"bad{n}", "metadata": value, "stepNumber": "one"} for n, value in enumerate(bad)]
    events = [{**STEP, "stepId": f"good{n}", "metadata": {"v": n}} for n in range(good)] + wrong + bad
    order = data.draw(st.permutations(events))
    parsed = parse_ingest(json.dumps({"events": order}).encode(), LIMITS, project)
    assert [order[rejected.index] in [*wrong, *bad] for rejected in parsed.rejected] == [True] * len(parsed.rejected)
    processor = Processor(store, Metrics())
    result = processor.process(processor.to_batch(project, parsed.events))
    assert result.stored == good
    listed = [json.loads(found)["stepId"] for found in store.steps_of(project, "t", limit=99, after=None).documents]
    assert sorted(listed) == [f"good{n}" for n in range(good)]


@given(value=JSON, field=st.sampled_from([*STEP, *OPTIONAL]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_taken_can_be_stored_and_read(store: SqliteStore, value: Any, field: str) -> None:
    parsed = parse_ingest(json.dumps({"events": [DATA, {**STEP, field: value}]}).encode(), LIMITS, "q")
    processor = Processor(store, Metrics())
    processor.process(processor.to_batch("q", parsed.events))
    assert all(rejected.error.endswith(".") for rejected in parsed.rejected)
    assert store.data("q", "t", "d") is not None
    for found in chain(*store.schemas("q", None)):
        json.loads(found)
