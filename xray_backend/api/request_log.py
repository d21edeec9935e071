"""One line in the log for each request: who asked for what kind of thing, what came of it, and what it cost.

Nothing that a client wrote is in it but its request id: the route is its pattern, and the project is named only once
the caller was found to belong to it. So no key, token, signature or e-mail address can get into the log.
"""

import logging
import time
from typing import Final

from flask import Flask, Response, g, request

from xray_backend.api.client_address import client_address
from xray_backend.api.request_ids import request_id
from xray_backend.config import IpNetwork

__all__ = ["METHODS", "install_request_log", "note_project", "route"]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The others are the clients' inventions, and are called "other"."""

_LOG = logging.getLogger("xray_backend.requests")


def note_project(project_id: str) -> None:
    """Remember to whose project the request belongs, once that is proven."""
    g.project_id = project_id


def route() -> str:
    """Return the pattern that the address of the request fits."""
    return request.url_rule.rule if request.url_rule is not None else "none"


def install_request_log(app: Flask, trusted_proxies: tuple[IpNetwork, ...]) -> None:
    """Log each request when its answer is written, or has broken off."""

    @app.before_request
    def begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        began_at = g.get("began_at", time.perf_counter())
        body, announced = request.environ.get("wsgi.input"), request.content_length or 0
        fields = _known(response, trusted_proxies)

        def write() -> None:
            fields["durationMs"] = round((time.perf_counter() - began_at) * 1000, 3)
            fields["bytesIn"] = getattr(body, "bytes_read", announced)
            fields["bytesOut"] = response.content_length or 0
            _LOG.info("request", extra={"fields": fields})

        response.call_on_close(write)
        return response


def _known(response: Response, trusted_proxies: tuple[IpNetwork, ...]) -> dict[str, object]:
    """Return what is known before the answer is written."""
    hops = request.headers.get("X-Forwarded-For")
    return {
        "requestId": request_id(),
        "method": request.method if request.method in METHODS else "other",
        "route": route(),
        "status": response.status_code,
        "project": g.get("project_id"),
        "remoteAddress": client_address(request.remote_addr, hops, trusted_proxies),
    }
