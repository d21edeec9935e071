"""RequestStep: a web request, from its arrival to the end of its answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from xray_trace.instrumentation import Scope, Step, Trace, begin_step, continued, guarded, is_on

__all__ = ["RequestFailed", "RequestStep"]


class RequestFailed(Exception):
    """The request was answered with a status of 500 or above; recorded, never raised."""


class RequestStep:
    """A step in the caller's trace, or in a trace of its own. No method but `begin` raises."""

    def __init__(self, trace: Trace, step: Step, method: str) -> None:
        self._trace = trace
        self._step = step
        self._method = method
        self._status: int | None = None
        self._route: str | None = None
        self._error: BaseException | None = None
        self._ended = False

    @classmethod
    def begin(
        cls, method: str, path: str, query: str, headers: object, about: Mapping[str, object]
    ) -> "RequestStep | None":
        """Begin a request; None where tracing is off. `headers` are those whose trace is continued, if any came.

        May raise what an unreadable query does; whoever calls it has the guard.
        """
        if not is_on():
            return None
        trace = continued(headers, name=f"{method} {path}")
        step = begin_step(method, parent=trace, metadata=about)
        step.input(path, "path")
        if query:
            step.input(_plain(query), "query")
        return cls(trace, step, method)

    @property
    def scope(self) -> Scope:
        """What is current while the application works on the request."""
        return self._step

    def note_answer(self, status: object, route: str | None) -> None:
        """Keep the answer's status, which comes before its body, and the pattern that the path matched."""
        self._status = status if isinstance(status, int) else None
        self.note_route(route)

    def note_route(self, route: str | None) -> None:
        """Keep the pattern that the path matched, where it is known."""
        self._route = route or self._route

    def note_error(self, error: BaseException, route: str | None) -> None:
        """Keep why the framework will answer with 500, or with nothing at all."""
        self._error = error
        self.note_route(route)

    def end(self, error: BaseException | None) -> None:
        """Record the request. Only the first call counts."""
        if self._ended:
            return
        self._ended = True
        with guarded("ending a request"):
            if self._route:
                self._step.rename(f"{self._method} {self._route}")
            self._step.annotate(http=self._about())
            failure = self._failure() if error is None else error
            self._error = None  # with all that its traceback holds
            self._step.end(failure)
            self._trace.end(failure)

    def _failure(self) -> BaseException | None:
        if self._status is None or self._status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        if self._error is not None:
            return self._error
        return RequestFailed(f"the request was answered with {self._status}")

    def _about(self) -> dict[str, Any]:
        """Name things as OpenTelemetry's semantic conventions for HTTP do."""
        about: dict[str, Any] = {"request": {"method": self._method}}
        if self._status is not None:
            about["response"] = {"status_code": self._status}
        if self._route:
            about["route"] = self._route
        return about


def _plain(query: str) -> dict[str, Any]:
    """Return the query by names, so that what is under a secret one is masked."""
    return {name: found[0] if len(found) == 1 else found for name, found in parse_qs(query, True).items()}
