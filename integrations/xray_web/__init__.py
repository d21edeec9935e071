"""WSGI and ASGI middleware: a web request is a step, or a trace where none came."""

from xray_web.asgi import XRayASGIMiddleware
from xray_web.request_step import RequestFailed
from xray_web.wsgi import XRayWSGIMiddleware

__all__ = ["RequestFailed", "XRayASGIMiddleware", "XRayWSGIMiddleware"]
