"""LangGraph tells of interrupts to handlers of its own class alone."""

import sys

__all__ = ["hear_of_graphs"]


def hear_of_graphs(handler_class: type) -> None:
    """Make the class one of LangGraph's, if the program has LangGraph; nothing of it is imported.

    It may be imported after the handlers were made, so the class itself becomes one, and they with it.
    """
    graphs = sys.modules.get("langgraph.callbacks")
    if graphs is not None and not issubclass(handler_class, graphs.GraphCallbackHandler):
        handler_class.__bases__ = (graphs.GraphCallbackHandler,)
