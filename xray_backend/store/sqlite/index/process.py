"""The program that keeps the index: a process of its own, so that it takes no time from the threads that answer.

    python -m xray_backend.store.sqlite.index.process DATABASE

It works until its standard input ends, which is when whoever started it has closed it or is gone.
"""

import fcntl
import logging
import select
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Final

from xray_backend.errors import Unavailable
from xray_backend.store.sqlite.failures import translated
from xray_backend.store.sqlite.index.indexer import Indexer

__all__ = ["LOCK_SUFFIX", "main"]

LOCK_SUFFIX: Final = "-indexer"
"""Of the file beside the database that only one indexer holds at a time."""

_PAUSE_SECONDS: Final = 0.1
"""Between two looks for new rows: with ten thousand events a second, a query has a thousand to read one by one."""

_PAUSE_AFTER_WORK_SECONDS: Final = 1.0
"""After a round, so that a flood of events makes few large blocks, which are not made anew, and not many small ones. A
query then reads what came in a second: with 8,000 events some 20 ms, with 500 hardly more than it ever does."""

_PAUSE_AFTER_FAILURE_SECONDS: Final = 5.0
"""A full disk stays full for a while, and each line in the log should be worth reading."""

_LOG = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Keep the index of a database until the input ends."""
    logging.basicConfig(level=logging.WARNING, format="xray-backend indexer: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the server decides
    path = Path(arguments[0])
    with open(f"{path}{LOCK_SUFFIX}", "ab") as lock:
        if _locked(lock):
            _keep(path)
    return 0


def _locked(lock: IO[bytes]) -> bool:
    """Wait until no other process keeps this index; false where the input ended before."""
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if _input_ends_within(_PAUSE_AFTER_FAILURE_SECONDS):
            return False


def _keep(path: Path) -> None:
    while True:
        try:
            with translated(), closing(Indexer(path)) as indexer:
                _work(indexer)
            return
        except (Unavailable, sqlite3.Error) as error:
            _LOG.warning("The index is not kept for now, queries take longer: %s", error)
        if _input_ends_within(_PAUSE_AFTER_FAILURE_SECONDS):
            return


def _work(indexer: Indexer) -> None:
    """Do round after round, until the input ends; a round of a large backlog takes a second at most."""
    pause = 0.0
    while not _input_ends_within(pause):
        pause = _PAUSE_AFTER_WORK_SECONDS if indexer.run_once() else _PAUSE_SECONDS


def _input_ends_within(seconds: float) -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
