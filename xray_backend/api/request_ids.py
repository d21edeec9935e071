"""`X-Request-Id` on every answer; the caller's own is kept if it is sane."""

import os
import re

from flask import Flask, Response, g, request

__all__ = ["install_request_ids", "request_id"]

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


def install_request_ids(app: Flask) -> None:
    """Give each request an id and each answer the header."""

    @app.before_request
    def remember() -> None:
        request_id()

    @app.after_request
    def show(response: Response) -> Response:
        response.headers[HEADER] = request_id()
        return response


def request_id() -> str:
    """Return the id of the request being answered."""
    if "request_id" not in g:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _SANE.fullmatch(given) else os.urandom(8).hex()
    found: str = g.request_id
    return found
