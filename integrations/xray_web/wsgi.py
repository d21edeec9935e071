"""XRayWSGIMiddleware: a request to a WSGI application (PEP 3333), such as Flask's, is a step."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from xray_trace.instrumentation import get_scope, guarded, set_scope
from xray_web.flask_errors import REQUEST, hear_of_errors
from xray_web.middleware import Middleware
from xray_web.request_step import RequestStep

__all__ = ["XRayWSGIMiddleware"]

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class XRayWSGIMiddleware(Middleware[Application, Environ]):
    """Records each request that goes to the application; `app.wsgi_app = XRayWSGIMiddleware(app.wsgi_app)`.

    `trust_incoming`: whether a trace that the caller sent is continued, or a function of the environ that says so;
    whoever is believed may write into your traces. `ignore`: paths that are not recorded, such as a health check's.
    `capture_query`: whether the query string is recorded, by its names.
    """

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does."""
        request = self._begin_in(environ)
        if request is None:
            return self._app(environ, start_response)

        def start(status: str, *args: Any, **kwargs: Any) -> Any:
            with guarded("reading a status"):
                request.note_answer(int(status[:3]), _route(environ))
            return start_response(status, *args, **kwargs)

        former = get_scope()
        try:
            environ[REQUEST] = request
            hear_of_errors()
            set_scope(request.scope)
            body = self._app(environ, start)
        except BaseException as error:
            request.end(error)
            raise
        finally:
            set_scope(former)
        if _is_whole(body, environ):
            request.end(None)
            return body
        return _Body(body, request)

    def _begin_in(self, environ: Environ) -> RequestStep | None:
        with guarded("beginning a request"):
            path = _text(environ.get("SCRIPT_NAME", "")) + _text(environ.get("PATH_INFO", ""))
            method, query = str(environ.get("REQUEST_METHOD", "")), _text(environ.get("QUERY_STRING", ""))
            return self._begin(environ, method, path, query, partial(_headers, environ), environ.get("wsgi.url_scheme"))
        return None


class _Body:
    """The answer's body as the server takes it: the step is the current one while the application makes a piece."""

    def __init__(self, body: Iterable[bytes], request: RequestStep) -> None:
        self._body = body
        self._pieces: Iterator[bytes] | None = None
        self._request = request

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        former = get_scope()
        try:
            set_scope(self._request.scope)
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)
        except StopIteration:
            self._request.end(None)
            raise
        except BaseException as error:
            self._request.end(error)
            raise
        finally:
            set_scope(former)

    def close(self) -> None:
        """Close the application's body, as the server does at the end, and where the client has left."""
        former = get_scope()
        try:
            set_scope(self._request.scope)
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._request.end(error)
            raise
        finally:
            set_scope(former)
            self._request.end(None)

    def __del__(self) -> None:
        self._request.end(None)


def _is_whole(body: Iterable[bytes], environ: Environ) -> bool:
    """Tell whether the server takes more from the body than its pieces: how many they are, or the file they are of."""
    wrapper = environ.get("wsgi.file_wrapper")
    return hasattr(type(body), "__len__") or (isinstance(wrapper, type) and isinstance(body, wrapper))


def _route(environ: Environ) -> str | None:
    """Return the rule that matched: Flask keeps its request in the environ until it has answered."""
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    return rule if isinstance(rule, str) else None


def _headers(environ: Environ) -> list[tuple[str, object]]:
    return [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]


def _text(value: str) -> str:
    """Return what a WSGI string says: its characters are the bytes of the request, which are UTF-8."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
