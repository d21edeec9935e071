"""Starting a thread that is the system's own, also where gevent makes greenlets of threads."""

import sys
import threading
from collections.abc import Callable

__all__ = ["start_native_thread"]


def start_native_thread(run: Callable[[], None], name: str) -> None:
    """Run the function in a daemon thread.

    As a greenlet it would have its event loop in the program's own thread: there `asyncio.run` would refuse to work,
    and a fork's child would go on with its parent's copy of it.

    Raises RuntimeError if the interpreter allows no more threads.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        threading.Thread(target=run, name=name, daemon=True).start()
    else:
        monkey.get_original("_thread", "start_new_thread")(run, ())
