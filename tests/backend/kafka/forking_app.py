"""A WSGI application whose bus was used before gunicorn forked its workers."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from tests.backend.api.events import step
from tests.backend.kafka.topic import PROJECT, taken
from xray_backend.kafka.bus import KafkaBus

bus = KafkaBus(os.environ["XRAY_BUS_URL"], {}, timeout_seconds=30.0)
bus.publish(PROJECT, taken(step(f"master-{os.getpid()}")), "request")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Publish an event, and answer when it is acknowledged."""
    name = environ["QUERY_STRING"]
    bus.publish(PROJECT, taken(step(name)), "request")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
