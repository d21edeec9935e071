"""LangGraph tells of interrupts to handlers of its own class alone."""

import sys
from contextlib import suppress

__all__ = ["hear_of_graphs"]


def hear_of_graphs(handler_class: type) -> None:
    """Make the class one of LangGraph's, if the program has LangGraph; nothing of it is imported.

    It may be imported after the handlers were made, so the class itself becomes one, and they with it.
    """
    known = getattr(sys.modules.get("langgraph.callbacks"), "GraphCallbackHandler", None)  # none while it is imported
    if known is None or issubclass(handler_class, known):
        return
    with suppress(TypeError):  # a class of the program's is of both kinds, LangGraph's first: its order must hold
        handler_class.__bases__ = (known,)
