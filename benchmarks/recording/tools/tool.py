"""What every tool has to be able to do to be measured; and how one is found by its name."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["DRAIN_SECONDS", "Function", "Tool", "load_tool"]

Function = Callable[..., Any]

DRAIN_SECONDS = 120.0  # for sending what a measurement left; the slowest tool needs a quarter of it


class Tool(ABC):
    """Records calls of functions and sends them to the sink; its settings come from the environment."""

    @abstractmethod
    def record(self, function: Function) -> Function:
        """Return the function so that its calls are recorded."""

    @abstractmethod
    def record_async(self, function: Function) -> Function:
        """Return the coroutine function so that its calls are recorded."""

    @abstractmethod
    def trace(self) -> AbstractContextManager[object]:
        """Return what the calls of one burst run in."""

    @abstractmethod
    def drain(self) -> None:
        """Return when all that was recorded is sent."""


def load_tool(name: str) -> Tool:
    """Import the tool of this name, and start it."""
    tool: Tool = importlib.import_module(f"recording.tools.{name}").start()
    return tool
