"""The filter that each question of the API becomes in MongoDB, and the plan that a server has for it, as a table.

    python benchmarks/mongodb_plans.py [--steps 2000]

It fills a database of its own on the server of `XRAY_TEST_MONGODB_URL` (a URL without a database's name), or on
SecantusDB if there is none, has the store ask each question, asks `explain` of each command that was sent, and drops
the database.
"""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.append(str(Path(__file__).parent.parent))  # the servers' recipes lie among the tests

import msgspec
from bson import json_util
from pymongo import MongoClient, monitoring
from sample_steps import FIRST_MS, make_steps

from tests.servers.secantus import Secantus
from xray_backend.ingest.checks import Checks
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import parse_again
from xray_backend.metrics import Metrics
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sort import parse_sort
from xray_backend.store.base import Store
from xray_backend.store.mongodb.layout import prepare
from xray_backend.store.mongodb.store import MongoStore

Command = Mapping[str, Any]

PROJECT, BATCH, PAGE = "p", 1000, 50
PARTS = ("find", "filter", "sort", "limit", "aggregate", "pipeline", "cursor")
COLLECTIONS = {"traces", "steps", "data", "metadataSchemas", "mergedSchemas"}


def main() -> int:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(prog="python benchmarks/mongodb_plans.py")
    parser.add_argument("--steps", type=int, default=2000, help="how many there are to be looked through")
    options = parser.parse_args()
    with ExitStack() as stack:
        server = os.environ.get("XRAY_TEST_MONGODB_URL") or stack.enter_context(Secantus()).url
        url = urlsplit(server)._replace(path=f"/xray-plans-{uuid.uuid4()}").geturl()
        client: MongoClient[dict[str, Any]] = stack.enter_context(MongoClient(url))
        stack.callback(client.drop_database, client.get_default_database())
        prepare(url)
        sent = Sent()
        store = MongoStore(url)
        stack.callback(store.close)
        steps = list(make_steps(options.steps, 1))
        fill(store, steps)
        print(f"MongoDB {client.server_info()['version']}, {options.steps:,} steps\n")
        print("| question | filter | order | plan: entries, documents looked at, found |\n|---|---|---|---|")
        for question, ask in questions(steps[len(steps) // 2]).items():
            sent.commands.clear()
            ask(store)
            for command in sent.commands:
                print(row(question, command, client), flush=True)
    return 0


class Sent(monitoring.CommandListener):
    """Keeps what is asked of the collections of what is recorded."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        monitoring.register(self)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Keep the command, without what belongs to its session."""
        if event.command_name in ("find", "aggregate") and event.command[event.command_name] in COLLECTIONS:
            self.commands.append({part: event.command[part] for part in PARTS if part in event.command})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing is to be kept of the answer."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Whoever asked is told."""


def fill(store: Store, steps: list[dict[str, object]]) -> None:
    """Store the steps as a consumer does."""
    processor, checks = Processor(store, Metrics()), Checks(PROJECT, Limits())
    texts = [msgspec.json.encode(step) for step in steps]
    for at in range(0, len(texts), BATCH):
        processor.process(processor.to_batch(PROJECT, (parse_again(text, checks) for text in texts[at : at + BATCH])))


def questions(step: Mapping[str, Any]) -> dict[str, Callable[[Store], object]]:
    """Return the questions, about what is in one step."""
    trace_id, at = step["traceId"], step["timestamp"]
    return {
        "traces, newest first": _traces(),
        "traces of a status": _traces(status="success"),
        "traces of a time": _traces(start_ms=FIRST_MS, end_ms=at),
        "a trace": lambda store: store.trace(PROJECT, trace_id),
        "a trace's steps": lambda store: store.steps_of(PROJECT, trace_id, limit=PAGE, after=None),
        "a page's data records": lambda store: store.data_of(PROJECT, trace_id, ["d"]),
        "a data record": lambda store: store.data(PROJECT, trace_id, "d"),
        "steps, newest first": _query("steps", {}),
        "a step": _query("steps", {"stepId": step["stepId"]}),
        "steps of a name": _query("steps", {"stepName": step["stepName"]}),
        "steps of a time": _query("steps", {"timestamp": {"$gte": at, "$lt": at + 60_000}}),
        "running steps": _query("steps", {"pending": True}),
        "steps by metadata, rare": _query("steps", {"metadata.selectedId": step["metadata"]["selectedId"]}),
        "steps by metadata, a range": _query("steps", {"metadata.filters.priceRange.max": {"$gt": 85}}),
        "steps by metadata and name": _query("steps", {"stepName": "rank", "metadata.category": "Toys"}),
        "steps by a pattern": _query("steps", {"metadata.customer": {"$regex": "^customer-000"}}),
        "steps by an input": _query("steps", {"inputs.products.count": 5}),
        "steps by the output": _query("steps", {"output.count": 5}),
        "steps in the order of a field": _query("steps", {"metadata.category": "Toys"}, {"metadata.score": -1}),
        "traces by metadata": _query("traces", {"metadata.useCase": "x"}),
        "traces by a failure": _query("traces", {"failureMetadata.code": 7}),
        "how many steps": lambda store: store.count("steps", PROJECT, _filter("steps", {"metadata.cached": True})),
        "schemas": lambda store: list(store.schemas(PROJECT, None)),
        "schemas of a name": lambda store: list(store.schemas(PROJECT, "rank")),
        "the merged schema of a name": lambda store: store.merged_schema(PROJECT, "rank"),
    }


def _traces(
    status: str | None = None, start_ms: int | None = None, end_ms: int | None = None
) -> Callable[[Store], object]:
    return lambda store: store.traces(PROJECT, status=status, start_ms=start_ms, end_ms=end_ms, limit=PAGE, after=None)


def _query(collection: Any, asked: object, order: object = None) -> Callable[[Store], object]:
    sort = None if order is None else parse_sort(order, collection, QueryLimits())
    return lambda store: store.query(collection, PROJECT, _filter(collection, asked), sort=sort, limit=PAGE, after=None)


def _filter(collection: Any, asked: object) -> Any:
    return parse_filter(asked, collection, QueryLimits())


def row(question: str, command: Command, client: "MongoClient[dict[str, Any]]") -> str:
    """Return a line of the table."""
    told = client.get_default_database().command({"explain": dict(command), "verbosity": "executionStats"})
    found = next(_each(told, "executionStats"))
    counts = [found.get(name, "?") for name in ("totalKeysExamined", "totalDocsExamined", "nReturned")]
    plan = " ← ".join(_stages(next(_each(told, "winningPlan"))))
    asked: Mapping[str, Any] = command.get("filter") or command["pipeline"][0]["$match"]
    collection = command.get("find") or command["aggregate"]
    order = ", ".join(f"{name} {way}" for name, way in command.get("sort", {}).items())
    text = json.dumps(json.loads(json_util.dumps(asked))).replace("|", "\\|")
    return f"| {question} | `{collection}` `{text}` | {order} | {plan}: {counts[0]}, {counts[1]}, {counts[2]} |"


def _each(told: Any, name: str) -> Iterator[Any]:
    """Find a field at any depth, since servers and kinds of command wrap it differently."""
    if isinstance(told, Mapping):
        if name in told:
            yield told[name]
        for inner in told.values():
            yield from _each(inner, name)
    elif isinstance(told, list):
        for inner in told:
            yield from _each(inner, name)


def _stages(plan: Mapping[str, Any]) -> Iterator[str]:
    plan = plan.get("queryPlan", plan)
    if "stage" in plan:
        yield f"{plan['stage']} {plan.get('indexName', '')}".strip()
    for inner in (plan.get("inputStage"), *plan.get("inputStages", ()), *plan.get("shards", ())):
        if inner is not None:
            yield from _stages(inner.get("winningPlan", inner))


if __name__ == "__main__":
    sys.exit(main())
