"""How long after a 200 an event is found by a query, while events come in."""

import json
import statistics
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import msgspec

from cluster.posting import BATCH, batches_of, post_all
from cluster.topology import Topology

__all__ = ["measure_visibility"]

EVENTS_A_SECOND = 1_000
SECONDS = 30
WARM_BATCHES = 10
LOOK_SECONDS = 0.005
MOST_SECONDS = 30.0


def measure_visibility(topology: Topology) -> None:
    """Print median and 99th percentile."""
    with topology.consumer():
        connection = HTTPConnection(urlsplit(topology.apis[0]).netloc)
        batches = batches_of((EVENTS_A_SECOND * SECONDS // BATCH + WARM_BATCHES) * BATCH, 3)
        for body in batches[:WARM_BATCHES]:
            _wait_for_last(topology, connection, body)
        waits, due = [], time.perf_counter()
        for body in batches[WARM_BATCHES:]:
            waits.append(_wait_for_last(topology, connection, body))
            due += BATCH / EVENTS_A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))  # the pace is what is measured
        connection.close()
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)]
    print(f"visible: from 200 to found by a query, {len(waits)} batches of {BATCH}, ms")
    print(
        f"  median {statistics.median(waits) * 1000:.0f}, p99 {p99 * 1000:.0f}, most {waits[-1] * 1000:.0f}", flush=True
    )


def _wait_for_last(topology: Topology, connection: HTTPConnection, body: bytes) -> float:
    post_all(topology, [body], 1)
    answered = time.perf_counter()
    step_id = msgspec.json.decode(body)["events"][-1]["stepId"]
    question = json.dumps({"filter": {"stepId": step_id}, "limit": 1})
    headers = {"Authorization": f"Bearer {topology.token}", "content-type": "application/json"}
    while time.perf_counter() - answered < MOST_SECONDS:
        connection.request("POST", f"/api/v1/projects/{topology.project_id}/query", question, headers)
        if json.loads(connection.getresponse().read())["results"]:
            return time.perf_counter() - answered
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"after {MOST_SECONDS:.0f} s the step {step_id} was not found")
