"""Middleware: what is the same for a request however the server hands it over."""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from xray_web.request_step import RequestStep

__all__ = ["Middleware"]

Application = TypeVar("Application")
Request = TypeVar("Request")


class Middleware(Generic[Application, Request]):
    """The options of both kinds, and what they decide as a request comes."""

    def __init__(
        self,
        app: Application,
        *,
        trust_incoming: bool | Callable[[Request], bool] = False,
        ignore: Collection[str] = (),
        capture_query: bool = True,
    ) -> None:
        self._app = app
        self._trust_incoming = trust_incoming
        self._ignore = {ignore} if isinstance(ignore, str) else ignore
        self._capture_query = capture_query

    def _begin(
        self, request: Request, method: str, path: str, query: str, headers: Callable[[], object], scheme: object
    ) -> RequestStep | None:
        """Begin the request's step; None where tracing is off, or it is not to be recorded. May raise."""
        if path in self._ignore:
            return None
        trusted = self._trust_incoming
        if callable(trusted):
            trusted = trusted(request)
        about = {"url": {"scheme": scheme}}
        return RequestStep.begin(
            method, path, query if self._capture_query else "", headers() if trusted is True else None, about
        )
