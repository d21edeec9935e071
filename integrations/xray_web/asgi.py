"""XRayASGIMiddleware: a request to an ASGI application, such as FastAPI's or Starlette's, is a step."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from xray_trace.instrumentation import get_scope, guarded, set_scope
from xray_web.request_step import RequestStep

__all__ = ["XRayASGIMiddleware"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class XRayASGIMiddleware:
    """Records each HTTP request that goes to the application; `app.add_middleware(XRayASGIMiddleware)`.

    The step ends with the last piece of the answer's body; what the application does afterwards, such as background
    tasks, lies below it all the same. WebSockets and the lifespan pass through.

    `trust_incoming`: whether a trace that the caller sent is continued, or a function of the ASGI scope that says so;
    whoever is believed may write into your traces. `ignore`: paths that are not recorded, such as a health check's.
    `capture_query`: whether the query string is recorded, by its names.
    """

    def __init__(
        self,
        app: Application,
        *,
        trust_incoming: bool | Callable[[MutableMapping[str, Any]], bool] = False,
        ignore: Collection[str] = (),
        capture_query: bool = True,
    ) -> None:
        self._app = app
        self._trust_incoming = trust_incoming
        self._ignore = {ignore} if isinstance(ignore, str) else ignore
        self._capture_query = capture_query

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        request = self._begin(scope) if scope["type"] == "http" else None
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
            request.end(error)
            raise
        finally:
            set_scope(former)
        request.end(None)

    def _begin(self, scope: MutableMapping[str, Any]) -> RequestStep | None:
        with guarded("beginning a request"):
            path = str(scope["path"])
            if path in self._ignore:
                return None
            trusted = self._trust_incoming
            if callable(trusted):
                trusted = trusted(scope)
            return RequestStep.begin(
                str(scope["method"]),
                path,
                scope.get("query_string", b"").decode("utf-8", "replace") if self._capture_query else None,
                scope.get("headers") if trusted is True else None,
                {"url": {"scheme": scope.get("scheme")}},
            )
        return None


def _route(scope: MutableMapping[str, Any], root_path: str) -> str | None:
    """Return the pattern that matched; Starlette leaves the route in the scope, and what it is mounted on."""
    with guarded("looking for a route"):
        route = scope.get("route")
        path = None if hasattr(route, "routes") else getattr(route, "path", None)  # a mount alone is no match
        return scope.get("root_path", "").removeprefix(root_path) + path if isinstance(path, str) else None
    return None
