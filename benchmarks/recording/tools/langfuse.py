"""Langfuse: `@observe`, with its capture of inputs and output."""

from contextlib import AbstractContextManager

from langfuse import get_client, observe

from recording.tools.tool import Function, Tool

__all__ = ["start"]


class Langfuse(Tool):
    """The decorator with its defaults."""

    def record(self, function: Function) -> Function:
        """Decorate it."""
        recorded: Function = observe(function)
        return recorded

    def record_async(self, function: Function) -> Function:
        """Decorate it alike."""
        return self.record(function)

    def trace(self) -> AbstractContextManager[object]:
        """Begin an observation that is the parent of the rest."""
        span: AbstractContextManager[object] = get_client().start_as_current_observation(name="burst")
        return span

    def drain(self) -> None:
        """Flush its client."""
        get_client().flush()


def start() -> Tool:
    """Return the tool; its client is made now, and not by the first call."""
    get_client()
    return Langfuse()
