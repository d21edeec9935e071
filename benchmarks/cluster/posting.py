"""Clients that post batches over connections that stay open."""

import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

import msgspec
from sample_steps import make_steps

from cluster.topology import Topology

__all__ = ["BATCH", "batches_of", "post_all"]

BATCH = 100  # the SDK's own batch size


def batches_of(events: int, seed: int) -> list[bytes]:
    """Return the bodies of the requests, encoded beforehand."""
    steps = list(make_steps(events, seed))
    return [msgspec.json.encode({"events": steps[at : at + BATCH]}) for at in range(0, events, BATCH)]


def post_all(topology: Topology, batches: Sequence[bytes], connections: int) -> float:
    """Post over so many connections, spread over the API processes; return the seconds until the last answer."""
    failures: list[str] = []
    clients = [
        threading.Thread(
            target=_post,
            args=(topology.apis[first % len(topology.apis)], topology.api_key, batches[first::connections], failures),
        )
        for first in range(connections)
    ]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - started
    if failures:
        raise SystemExit(f"a batch was refused: {failures[0]}")
    return seconds


def _post(url: str, api_key: str, batches: Sequence[bytes], failures: list[str]) -> None:
    connection = HTTPConnection(urlsplit(url).netloc)
    headers = {"x-api-key": api_key, "content-type": "application/json"}
    for body in batches:
        connection.request("POST", "/api/v1/ingest", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or text != b'{"success":true}':
            failures.append(f"{answer.status} {text[:300]!r}")
            return
    connection.close()
