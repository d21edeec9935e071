"""Importing what only the background needs, in the background, and safely where the program forks."""

import importlib
import os
import threading
from types import ModuleType

__all__ = ["load_module", "prepare_loading"]

_LONGEST_WAIT_SECONDS = 30.0
"""For a fork: importing aiohttp takes a third of a second, and many times that while other threads keep the
interpreter busy. A fork must not hang for ever, whatever another library's hook holds that ran before ours."""

_loading = threading.RLock()
_held: list[bool] = []
_is_prepared = False


def prepare_loading() -> None:
    """Make forks wait for imports of ours; to be called before the first thread that imports.

    Else a child could find a module's import lock held by a thread that it does not have, and its own
    `import asyncio` would wait for ever. Hooks run last first: logging's, which takes a lock that imports need,
    has to be known before ours.
    """
    global _is_prepared
    if _is_prepared or not hasattr(os, "register_at_fork"):
        return
    _is_prepared = True
    importlib.import_module("logging")
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def load_module(name: str) -> ModuleType:
    """Import a module that would make `import xray_trace` slow: those that need asyncio or aiohttp."""
    with _loading:
        return importlib.import_module(name)


def _before_fork() -> None:
    _held.append(_loading.acquire(timeout=_LONGEST_WAIT_SECONDS))


def _after_fork_in_parent() -> None:
    if _held.pop():
        _loading.release()


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()
    _held.clear()
