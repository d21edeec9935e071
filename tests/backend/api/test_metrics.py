"""The text of `/metrics`: what Prometheus reads, and what the document says of it."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.backend.api.events import data, step, trace_start, trace_success
from tests.backend.server import Person, Server
from xray_backend.metrics import Metrics

DOCUMENT = (Path(__file__).parents[3] / "docs/metrics.md").read_text(encoding="utf-8")


def samples(server: Server) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(server.call("GET", "/metrics").text)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_events_and_their_bytes_are_counted_by_type(server: Server, somebody: Person) -> None:
    before = samples(server)
    somebody.ingest(trace_start(), step("a", metadata={"text": "x" * 1000}), step("b"), data())
    after = samples(server)

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grown("xray_ingest_accepted_events_total", "step") == 2
    assert grown("xray_ingest_accepted_events_total", "trace-start") == 1
    assert grown("xray_ingest_accepted_events_total", "data") == 1
    assert 1000 < grown("xray_ingest_accepted_bytes_total", "step") < 2000
    assert grown("xray_store_call_duration_seconds_count", "write") == 1


def test_an_announced_value_counts_as_the_event_that_records_it(server: Server, somebody: Person) -> None:
    before = samples(server)
    item = {"dataId": "alone", "traceId": "trace-1", "key": "context"}
    somebody.record("/presign", item)
    somebody.record("/presign/batch", {"items": [item | {"dataId": "a"}, {"dataId": ".."}, item | {"dataId": "b"}]})
    after = samples(server)
    for key in (("xray_ingest_accepted_events_total", "data"), ("xray_ingest_events_total", "accepted")):
        assert after[key] == before.get(key, 0) + 3


def test_what_came_to_the_store_is_counted_as_new_repeated_deleted_or_merged(server: Server, somebody: Person) -> None:
    def counted() -> list[float]:
        now = samples(server)
        outcomes = [now.get(("xray_store_documents_total", name), 0) for name in ("new", "repeated", "deleted")]
        return [*outcomes, now["xray_store_merged_events_total",]]

    before = counted()
    events = trace_start(), step(), data(), trace_success()
    somebody.ingest(*events)
    somebody.ingest(*events)
    somebody.call("DELETE", "traces/trace-1")
    somebody.ingest(*events)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 2, 4, 4]


def test_queries_are_timed_and_sizes_are_those_of_the_files(server: Server, somebody: Person) -> None:
    before = samples(server)
    somebody.ingest(step())
    somebody.call("POST", "query", json={"filter": {}, "count": True})
    after = samples(server)
    for operation in ("query", "count"):
        key = ("xray_store_call_duration_seconds_count", operation)
        assert after[key] == before.get(key, 0) + 1
    assert after["xray_store_database_bytes",] == (server.data_dir / "xray.db").stat().st_size
    assert after["xray_store_log_bytes",] > 0
    assert after["xray_store_waiting_calls",] == 0


def test_the_document_names_each_metric_and_no_other(server: Server) -> None:
    families = text_string_to_metric_families(server.call("GET", "/metrics").text)
    found = [family for family in families if not family.name.endswith("_created")]  # which comes along with each
    shown = {f"{family.name}_total" if family.type == "counter" else family.name for family in found}
    named = set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE))
    assert {name for name in named if not name.startswith("xray_consumer_")} == shown  # `test_status.py` looks at those


def test_each_line_of_help_is_a_sentence() -> None:
    families = list(text_string_to_metric_families(Metrics().render().decode()))
    assert families
    assert [family.name for family in families if not family.documentation.endswith(".")] == []
