"""`/openapi.json`, and the page that renders it; all that the page loads comes from this server."""

from pathlib import Path
from typing import Any

import flask_swagger_ui  # type: ignore[import-untyped]
from flask import Blueprint, Flask, Response, current_app, request, send_from_directory

from xray_backend.api.answers import answer
from xray_backend.api.described import described
from xray_backend.api.openapi import openapi_document
from xray_backend.errors import NotFound

__all__ = ["install_docs"]

blueprint = Blueprint("docs", __name__)

_EXTENSION = "xray-openapi"
_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
_SERVED = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>X-Ray API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#page", validatorUrl: null, deepLinking: true
});
"""
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the page's library styles its elements one by one
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


@blueprint.get("/openapi.json")
@described({"openapi": str, "info": dict[str, Any], "paths": dict[str, Any], "components": dict[str, Any]})
def openapi() -> Response:
    """Show this document."""
    return answer(current_app.extensions[_EXTENSION])


@blueprint.get("/docs")
@described("text/html")
def docs() -> Response:
    """Show the API as a page to read and to try."""
    if request.path.endswith("/"):  # from there the page's own links would lead nowhere
        return Response(headers={"Location": "../docs"}, status=302)
    return _strict(Response(_PAGE, mimetype="text/html"))


@blueprint.get("/docs/start.js")
@described("text/javascript")
def docs_start() -> Response:
    """Give the page its first script."""
    return _strict(Response(_START, mimetype="text/javascript"))


@blueprint.get("/docs/<name>")
@described("application/octet-stream", errors=(404,), headers={"ETag": "Which version of the file it is."})
def docs_asset(name: str) -> Response:
    """Give the page its script, style and icon."""
    if name not in _SERVED:
        raise NotFound("There is nothing at this address.")
    return _strict(send_from_directory(_ASSETS, name, max_age=3600))


def install_docs(app: Flask, base_url: str) -> None:
    """Describe the application, once all its other routes are there. Raises `TypeError` if one has no description."""
    app.register_blueprint(blueprint)
    app.extensions[_EXTENSION] = openapi_document(app, base_url)


def _strict(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
