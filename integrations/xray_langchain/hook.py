"""`install` and `uninstall`: every run is traced without being passed anything."""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import cast

from langchain_core.tracers.context import register_configure_hook

from xray_langchain.handler import XRayCallbackHandler

__all__ = ["install", "uninstall"]


class _Hook:
    """What LangChain asks for a run's handler: all it wants of a context variable is `get`.

    A variable would hold in the contexts alone that it was set in, and threads begin with none.
    """

    handler: XRayCallbackHandler | None = None
    is_registered = False

    def get(self) -> XRayCallbackHandler | None:
        """Return the handler that every run gets."""
        return self.handler


_hook = _Hook()


def install(*, capture_inputs: bool = True, capture_outputs: bool = True, ignore: Iterable[str] = ()) -> None:
    """Trace every run of this program from now on; the options are those of `XRayCallbackHandler`.

    Called again it only takes the new options. A run that is passed a handler of its own is recorded once, as that
    handler says.
    """
    _hook.handler = XRayCallbackHandler(capture_inputs=capture_inputs, capture_outputs=capture_outputs, ignore=ignore)
    if not _hook.is_registered:
        _hook.is_registered = True
        register_configure_hook(cast("ContextVar[object]", _hook), True, XRayCallbackHandler)


def uninstall() -> None:
    """Trace no more runs but those that are passed a handler, and those that are open."""
    _hook.handler = None
