"""How long a question over one metadata field takes, through the API and by PyMongo alone."""

import json
import statistics
import time
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.collection import Collection

from cluster.posting import batches_of, post_all
from cluster.topology import Topology

__all__ = ["measure_querying"]

CONNECTIONS = 8
PART = 20_000
RUNS = 51
PAGE = 50
LOOK_SECONDS = 0.1
QUESTIONS: dict[str, dict[str, object]] = {
    "common value": {"metadata.category": "Outdoor"},
    "rare value": {"metadata.selectedId": None},  # filled with one that is there
}


def measure_querying(topology: Topology, steps: int) -> None:
    """Print medians of paired runs."""
    client: MongoClient[dict[str, object]] = MongoClient(topology.store_url)
    collection = client.get_default_database()["steps"]
    with topology.consumer():
        for number, at in enumerate(range(0, steps, PART)):
            post_all(topology, batches_of(min(PART, steps - at), number), CONNECTIONS)
        while collection.estimated_document_count() < steps:
            time.sleep(LOOK_SECONDS)
    rare = json.loads(batches_of(100, 0)[0])["events"][50]["metadata"]["selectedId"]
    connection = HTTPConnection(urlsplit(topology.apis[0]).netloc)
    print(f"query: {steps:,} steps, a page of {PAGE}, median of {RUNS} paired runs, ms: API, PyMongo, ratio")
    for name, filter_ in QUESTIONS.items():
        condition = {path: rare if value is None else value for path, value in filter_.items()}
        api, direct = [], []
        for _ in range(RUNS):
            api.append(_timed(lambda: _ask(topology, connection, condition)))  # noqa: B023 - called at once
            direct.append(_timed(lambda: _find(collection, topology.project_id, condition)))  # noqa: B023 - called at once
        ours, theirs = statistics.median(api) * 1000, statistics.median(direct) * 1000
        print(f"  {name:16}{ours:9.1f}{theirs:9.1f}{ours / theirs:9.2f}", flush=True)
    connection.close()
    client.close()


def _ask(topology: Topology, connection: HTTPConnection, condition: dict[str, object]) -> None:
    headers = {"Authorization": f"Bearer {topology.token}", "content-type": "application/json"}
    body = json.dumps({"filter": condition, "limit": PAGE})
    connection.request("POST", f"/api/v1/projects/{topology.project_id}/query", body, headers)
    if not json.loads(connection.getresponse().read())["results"]:
        raise SystemExit(f"nothing was found for {condition}")


def _find(collection: Collection[dict[str, object]], project_id: str, condition: dict[str, object]) -> None:
    found = list(collection.find({"projectId": project_id, **condition}).sort({"timestamp": -1, "_id": -1}).limit(PAGE))
    if not found:
        raise SystemExit(f"PyMongo found nothing for {condition}")


def _timed(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
