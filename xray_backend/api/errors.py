"""Every refusal in one shape: `{"error": "one sentence", "details"?}`."""

import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from xray_backend.api.answers import answer
from xray_backend.api.request_ids import request_id
from xray_backend.errors import ApiError, Unavailable

__all__ = ["install_error_answers"]

DEFAULT_RETRY_SECONDS = 5  # long enough for a restart, short enough that a waiting client is soon served
_LOG = logging.getLogger(__name__)
_SENTENCES = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    408: "The request took too long to arrive.",
    413: "The request body is too large.",
    415: "The request body has a type that is not taken.",
}


def install_error_answers(app: Flask) -> None:
    """Turn every exception into an answer."""
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(HTTPException, _refused_by_http)
    app.register_error_handler(Exception, _broken)


def _refused(error: ApiError) -> Response:
    content: dict[str, object] = {"error": error.message}
    if error.details is not None:
        content["details"] = error.details
    response = _shaped(content, error.status)
    retry_seconds = error.retry_after_seconds
    if retry_seconds is None and isinstance(error, Unavailable):
        retry_seconds = DEFAULT_RETRY_SECONDS
    if retry_seconds is not None:
        response.headers["Retry-After"] = str(retry_seconds)
    return response


def _refused_by_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:  # nothing here answers so on purpose: it stands for an exception in the making of an answer
        return _broken(getattr(error, "original_exception", None) or error)
    if status < 400:  # a redirect is an answer, not a refusal
        return Response(error.get_body(), status, error.get_headers())
    response = _shaped({"error": _SENTENCES.get(status, "The request was refused.")}, status)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _broken(error: Exception) -> Response:
    _LOG.error("request %s failed", request_id(), exc_info=error)
    return _shaped(
        {"error": f"An internal error happened; tell the server's owner the request id {request_id()}."}, 500
    )


def _shaped(content: dict[str, object], status: int) -> Response:
    response = answer(content)
    response.status_code = status
    return response
