"""A plugin for pytest: langchain-core's own handler, which does nothing, is installed for every run."""

from contextvars import ContextVar

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

handler: ContextVar[BaseCallbackHandler | None] = ContextVar("handler", default=None)
handler.set(BaseCallbackHandler())
register_configure_hook(handler, inheritable=True)
