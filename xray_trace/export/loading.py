"""Importing what only the background needs, in the background, and safely where the program forks."""

import importlib
import os
import threading
from types import ModuleType

__all__ = ["load_module", "prepare_loading"]

_LONGEST_WAIT_SECONDS = 30.0
"""For a fork: importing aiohttp takes a third of a second, and many times that while other threads keep the
interpreter busy. A fork must not hang for ever, whatever another library's hook holds that ran before ours."""

_WITH_HOOKS = ("logging", "concurrent.futures.thread")

_OF_CALLERS = ("hashlib", "tempfile", "urllib.parse", "uuid")  # what the threads that record import inside functions

_loading = threading.RLock()
_held: list[bool] = []
_is_prepared = False


def prepare_loading() -> None:
    """Import what has to be there before anything is imported under the eyes of a fork.

    The modules of `_WITH_HOOKS` take locks before a fork, which imports may need, and give them back after it. So
    ours is made known once more after theirs: hooks run last first, and ours must be the first to wait. And they
    are imported without it: a fork that waited for that would give back what it never took.
    """
    global _is_prepared
    if _is_prepared:
        return
    _is_prepared = True
    for name in _WITH_HOOKS:
        importlib.import_module(name)
    _watch_forks()
    for name in _OF_CALLERS:
        load_module(name)


def load_module(name: str) -> ModuleType:
    """Import a module that would make `import xray_trace` slow: what only a program that records needs."""
    with _loading:
        return importlib.import_module(name)


def _watch_forks() -> None:
    """Make forks wait for imports of ours.

    Else a child could find a module's import lock held by a thread that it does not have, and its own import of
    the same module would wait for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


def _before_fork() -> None:
    _held.append(_loading.acquire(timeout=_LONGEST_WAIT_SECONDS))


def _after_fork_in_parent() -> None:
    if _held and _held.pop():  # empty where this hook was made known while the fork was under way
        _loading.release()


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()
    _held.clear()


_watch_forks()
