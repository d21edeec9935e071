"""Importing what only the background needs, in the background, and safely where the program forks."""

import importlib
import os
import threading
from types import ModuleType

__all__ = ["load_module"]

_loading = threading.RLock()


def load_module(name: str) -> ModuleType:
    """Import a module that would make `import xray_trace` slow: those that need asyncio or aiohttp.

    A fork waits for it. Else the child would find the module's import lock held by a thread that it does not
    have, and its own `import asyncio` would wait for ever.
    """
    with _loading:
        return importlib.import_module(name)


def _before_fork() -> None:
    _loading.acquire()


def _after_fork_in_parent() -> None:
    _loading.release()


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
