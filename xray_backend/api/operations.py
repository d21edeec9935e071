"""What those who run the server ask: is it alive, is it ready, what did it count."""

import time

from flask import Blueprint, Flask, Response, g, request

from xray_backend.api.answers import answer
from xray_backend.api.context import services
from xray_backend.api.described import described
from xray_backend.api.request_log import METHODS, route
from xray_backend.metrics import Metrics

__all__ = ["blueprint", "install_request_metrics"]

blueprint = Blueprint("operations", __name__)


@blueprint.get("/health")
@described({"status": str})
def health() -> Response:
    """Tell that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@described({"status": str}, errors=(503,))
def ready() -> Response:
    """Ask the store, the queue and the blob store; a 503 names those that are away."""
    services().readiness.check()
    return answer({"status": "ready"})


@blueprint.get("/metrics")
@described("text/plain")
def metrics() -> Response:
    """Show what was counted, for Prometheus."""
    return Response(services().metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")


def install_request_metrics(app: Flask, counted: Metrics) -> None:
    """Time every request."""

    @app.before_request
    def begin() -> None:
        g.began_seconds = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began_seconds
        method = request.method if request.method in METHODS else "other"  # clients invent some; labels stay few
        counted.observe_request(method, route(), response.status_code, seconds)
        return response
