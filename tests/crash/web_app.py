"""A WSGI application that records a step for each request, and one when it is imported: with preload, in the master."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import xray_trace as xray


@xray.step(metadata=lambda bound, result: {"run": bound["label"].partition("/")[0]})
def work(label: str, payload: str) -> str:
    return label


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    label = environ["PATH_INFO"].lstrip("/")
    done = label and work(label, "x" * (20_000 if label.endswith("0") else 100))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {done}".encode()]


work(f"{os.environ['RUN']}/imported/{os.getpid()}", "x")
