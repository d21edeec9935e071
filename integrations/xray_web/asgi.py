"""XRayASGIMiddleware: a request to an ASGI application, such as FastAPI's or Starlette's, is a step."""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from xray_trace.instrumentation import get_scope, guarded, set_scope
from xray_web.middleware import Middleware
from xray_web.request_step import RequestStep

__all__ = ["XRayASGIMiddleware"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class XRayASGIMiddleware(Middleware[Application, MutableMapping[str, Any]]):
    """Records each HTTP request that goes to the application; `app.add_middleware(XRayASGIMiddleware)`.

    The step ends with the last piece of the answer's body; what the application does afterwards, such as background
    tasks, lies below it all the same. WebSockets and the lifespan pass through.

    `trust_incoming`: whether a trace that the caller sent is continued, or a function of the ASGI scope that says so;
    whoever is believed may write into your traces. `ignore`: paths that are not recorded, such as a health check's.
    `capture_query`: whether the query string is recorded, by its names.
    """

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        request = self._begin_in(scope) if scope["type"] == "http" else None
        if request is None:
            await self._app(scope, receive, send)
            return
        root_path = scope.get("root_path", "")

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.note_answer(message.get("status"), _route(scope, root_path))
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                request.end(None)

        former = get_scope()
        try:
            set_scope(request.scope)
            await self._app(scope, receive, send_and_note)
        except BaseException as error:
            request.note_route(_route(scope, root_path))
            request.end(error)
            raise
        finally:
            set_scope(former)
        request.end(None)

    def _begin_in(self, scope: MutableMapping[str, Any]) -> RequestStep | None:
        with guarded("beginning a request"):
            query = scope.get("query_string", b"").decode("utf-8", "replace")
            method, path = str(scope["method"]), str(scope["path"])
            return self._begin(scope, method, path, query, partial(scope.get, "headers"), scope.get("scheme"))
        return None


def _route(scope: MutableMapping[str, Any], root_path: str) -> str | None:
    """Return the pattern that matched; Starlette leaves the route in the scope, and what it is mounted on."""
    with guarded("looking for a route"):
        route = scope.get("route")
        path = None if hasattr(route, "routes") else getattr(route, "path", None)  # a mount alone is no match
        return scope.get("root_path", "").removeprefix(root_path) + path if isinstance(path, str) else None
    return None
