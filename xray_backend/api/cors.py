"""Which web pages may call the API from a browser; credentials travel in headers, never in cookies."""

from collections.abc import Sequence

from flask import Flask, Response, request

__all__ = ["install_cors"]

_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Encoding, Content-Type, If-Range, Range, X-Api-Key, X-Request-Id"
    ),
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, ETag, Retry-After, X-Request-Id",
    "Access-Control-Max-Age": "600",  # ten minutes, as long as the strictest browser remembers
}


def install_cors(app: Flask, origins: Sequence[str]) -> None:
    """Answer the pages of these origins (`*`: all); the rest get no permission, and their browser says so."""

    @app.after_request
    def permit(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if not origins:
            return response
        response.vary.add("Origin")
        if origin is not None and ("*" in origins or origin in origins):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers.update(_HEADERS)
        return response
