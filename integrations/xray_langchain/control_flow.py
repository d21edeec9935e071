"""What ends a run by an exception and is no error."""

__all__ = ["stopped_by"]


def stopped_by(error: BaseException) -> str | None:
    """Return the name of what stopped a run where that is no error; None for an error.

    A consumer that stops early closes the generator; LangGraph interrupts, drains and hands over to a parent graph by
    exceptions of its own, which are known by their names: nothing of LangGraph is imported for them. A task that was
    cancelled did not do its work, and that is an error here as it is in any `xray.step`.
    """
    if isinstance(error, GeneratorExit) or any(map(_is_bubble, type(error).__mro__)):
        return type(error).__name__
    return None


def _is_bubble(kind: type) -> bool:
    return kind.__name__ == "GraphBubbleUp" and kind.__module__.startswith("langgraph.")
